"""How the OpenAPI document is served, and whose docstrings are in it."""

from __future__ import annotations

import json
from typing import Any

from django.utils import translation
from drf_spectacular.plumbing import get_lib_doc_excludes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from clients.kernel import api, api_fields


class DocumentView(SpectacularAPIView):
    """The document, in English: what describes is, so what it names must be as well."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with translation.override("en"):
            found: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
            found.data = json.loads(json.dumps(found.data, cls=JSONEncoder))
        return found


def undocumented() -> list[type[Any]]:
    """Bases whose docstrings are for us, and not what a caller should read of a view or a body."""
    ours = [each for module in (api, api_fields) for each in vars(module).values()]
    found: list[type[Any]] = [each for each in ours if isinstance(each, type)]
    return [*get_lib_doc_excludes(), *found]
