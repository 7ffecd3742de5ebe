from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clients.api.filters import ClientFilter, MembershipFilter
from clients.api.serializers import (
    ClientSerializer,
    MembershipSerializer,
    StoredFileSerializer,
    TenantProfileSerializer,
)
from clients.kernel.api import ChangeRow, CreateRow, DeleteRow, TenantView, TenantViewSet
from clients.models import Client, Membership, StoredFile, Tenant
from clients.selectors import unexpired_files
from clients.services.team import change_membership, owners_only


class ClientViewSet(CreateRow, ChangeRow, DeleteRow, TenantViewSet):
    """The people and companies that the tenant supplies and bills."""

    model = Client
    serializer_class = ClientSerializer
    filterset_class = ClientFilter
    ordering_fields, ordering = ("name", "created_at"), "name"

    def get_queryset(self) -> QuerySet[Client]:
        return Client.objects.prefetch_related("contact_points")


class MembershipViewSet(ChangeRow, TenantViewSet):
    """The team. Owners change roles and end memberships."""

    model = Membership
    serializer_class = MembershipSerializer
    filterset_class = MembershipFilter

    def get_queryset(self) -> QuerySet[Membership]:
        return Membership.objects.select_related("user")

    def perform_update(self, serializer: Any) -> None:
        change_membership(serializer.instance, **serializer.validated_data)


class TenantProfileView(TenantView):
    """The open tenant's own company."""

    model = Tenant

    @extend_schema(operation_id="tenant_retrieve", responses=TenantProfileSerializer)
    def get(self, request: Request) -> Response:
        return Response(TenantProfileSerializer(self._tenant()).data)

    @extend_schema(
        operation_id="tenant_change",
        request=TenantProfileSerializer,
        responses=TenantProfileSerializer,
    )
    def patch(self, request: Request) -> Response:
        owners_only()
        serializer = TenantProfileSerializer(self._tenant(), data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data)

    def _tenant(self) -> Tenant:
        return self.request._request.tenant  # type: ignore[no-any-return,attr-defined] # the middleware's


class StoredFileViewSet(TenantViewSet):
    """Documents: what is known of them, and the bytes as an attachment."""

    model = StoredFile
    serializer_class = StoredFileSerializer

    def get_queryset(self) -> QuerySet[StoredFile]:
        rows = unexpired_files()
        return rows if self.action == "content" else rows.defer("content")

    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY)}
    )
    @action(detail=True)
    def content(self, request: Request, **kwargs: Any) -> HttpResponse:
        file: StoredFile = self.get_object()
        response = HttpResponse(bytes(file.content), content_type=file.content_type)
        response["Content-Disposition"] = (
            content_disposition_header(True, file.name) or "attachment"
        )
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Security-Policy"] = "sandbox; default-src 'none'"
        response["Cache-Control"] = "private, no-store"
        return response
