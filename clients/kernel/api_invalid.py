"""What is wrong where in a body: a flat map from dotted paths to codes and sentences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils.translation import gettext as _
from rest_framework.response import Response

NON_FIELD = {NON_FIELD_ERRORS, "non_field_errors"}


def invalid(fields: dict[str, list[dict[str, str]]]) -> Response:
    """400; `fields` maps a dotted path in the body to what is wrong there."""
    whole = [problem for name in NON_FIELD for problem in fields.pop(name, [])]
    top = {"code": "invalid", "detail": _("Some values are not valid. See “fields”.")}
    body: dict[str, Any] = {**(whole[0] if whole else top)}
    if fields:
        body["fields"] = fields
    return Response(body, status=400)


def flat(details: Any, path: str = "") -> dict[str, list[dict[str, str]]]:
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        found = {"code": str(details["code"]), "detail": str(details["message"])}
        return {path or "non_field_errors": [found]}
    named: Iterable[tuple[Any, Any]]
    if isinstance(details, dict):
        named = details.items()
    elif all(isinstance(item, dict) and set(item) == {"message", "code"} for item in details):
        named = ((None, item) for item in details)
    else:
        named = enumerate(details)
    found_at: dict[str, list[dict[str, str]]] = {}
    for name, inner in named:
        here = path if name is None or (path and name in NON_FIELD) else f"{path}.{name}".strip(".")
        for key, problems in flat(inner, here).items():
            found_at.setdefault(key, []).extend(problems)
    return found_at


def of_django(error: ValidationError) -> dict[str, list[dict[str, str]]]:
    by_field = error.error_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: [error]}
    return {
        name: [
            {"code": one.code or "invalid", "detail": " ".join(one.messages)}
            for one in (inner for item in problems for inner in item.error_list)
        ]
        for name, problems in by_field.items()
    }
