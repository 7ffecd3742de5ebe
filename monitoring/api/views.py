from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from clients.kernel.api import TenantView
from clients.kernel.api_errors import Refusal
from clients.kernel.api_lists import chosen_limit
from clients.models import Membership, Tenant
from monitoring.api.serializers import (
    AuditEntrySerializer,
    AuditPageSerializer,
    AuditQuestionSerializer,
)
from monitoring.selectors.audit import AuditQuestion, audit_entries, event_models
from monitoring.selectors.audit_position import AuditPosition

PAGING: Final = frozenset({"limit", "cursor"})


class AuditView(TenantView):
    """Every change of an audited row, the newest first. For owners and managers."""

    model = Tenant
    verbs = {"": "change"}
    parameters = frozenset({"model", "object_id", "user", "since", "until"}) | PAGING

    @extend_schema(
        operation_id="audit_list",
        parameters=[AuditQuestionSerializer],
        responses=AuditPageSerializer,
    )
    def get(self, request: Request) -> Response:
        limit = chosen_limit(request)
        found = audit_entries(self.question(request), limit + 1)
        page = found[:limit]
        return Response(
            {
                "results": AuditEntrySerializer(page, many=True).data,
                "next_cursor": page[-1].position.sealed() if len(found) > limit else None,
            }
        )

    def question(self, request: Request) -> AuditQuestion:
        asked = {k: v for k, v in request.query_params.items() if k not in PAGING}
        serializer = AuditQuestionSerializer(data=asked)
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        if values["model"] and values["model"] not in event_models():
            raise Refusal(400, "unknown_model", _("No changes of “%s” are kept.") % values["model"])
        cursor = request.query_params.get("cursor")
        return AuditQuestion(
            model=values["model"],
            object_id=str(values.get("object_id", "")),
            user_id=key_of(values["user"]) if "user" in values else None,
            since=values.get("since"),
            until=values.get("until"),
            older_than=opened(cursor) if cursor else None,
        )


def key_of(public_id: Any) -> int:
    """The key of a person; of nobody when the id is unknown or belongs to another company."""
    found = Membership.objects.filter(user__public_id=public_id).values_list("user_id", flat=True)
    return found.first() or 0


def opened(cursor: str) -> AuditPosition:
    try:
        return AuditPosition.opened(cursor)
    except ValueError as error:
        detail = _("This cursor does not belong to this list.")
        raise Refusal(400, "invalid_cursor", detail) from error
