"""The base of every API view: who may, which parameters, which rows, one shape of errors.

class ClientViewSet(CreateRow, ChangeRow, DeleteRow, TenantViewSet):
    model = Client
    serializer_class = ClientSerializer
    filterset_class = ClientFilter
    ordering_fields, ordering = ("name", "created_at"), "name"
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db import connection, models
from django.http import HttpResponseBase
from rest_framework import mixins, routers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from clients.kernel import ratelimits
from clients.kernel.api_idempotency import answer_once
from clients.kernel.api_lists import PAGING, FilterBackend, KeysetPages, check_parameters
from clients.kernel.api_permissions import SAFE, RoleAllows, SignedIn


class ApiView(APIView):
    """What every endpoint has: rate limits, declared parameters, constraints checked in time."""

    permission_classes: Any = (SignedIn,)
    parameters: ClassVar[frozenset[str]] = frozenset()  # query parameters besides filters
    http_method_names: Any = ("get", "post", "patch", "delete", "head")
    rate_groups: ClassVar[tuple[str, ...]] = ("user", "tenant", "ip")
    is_idempotent: ClassVar[bool] = True  # POST honours Idempotency-Key
    metadata_class = None

    def known_parameters(self) -> frozenset[str]:
        return self.parameters

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        check_parameters(request, self.known_parameters())

    def check_throttles(self, request: Request) -> None:
        ratelimits.check(request._request, self.rate_groups)

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.args, self.kwargs, self.headers = args, kwargs, {}
        self.request = self.initialize_request(request, *args, **kwargs)
        try:
            self.initial(self.request, *args, **kwargs)
            method = request.method.lower()
            found = getattr(self, method, None) if method in self.http_method_names else None
            handler = found or self.http_method_not_allowed
            response = self.run(lambda: handler(self.request, *args, **kwargs))
        except Exception as error:  # noqa: BLE001 - the handler logs what it does not know
            response = self.handle_exception(error)
        self.response = self.finalize_response(self.request, response, *args, **kwargs)
        return self.response

    def run(self, call: Callable[[], Any]) -> Any:
        """The handler's answer; a POST repeated with its Idempotency-Key gets the first one."""
        if self.request.method in SAFE:
            return call()
        if self.request.method == "POST" and self.is_idempotent and self._is_in_tenant():
            return answer_once(self, lambda: self._checked(call))
        return self._checked(call)

    def _is_in_tenant(self) -> bool:
        return getattr(self.request._request, "tenant", None) is not None

    def _checked(self, call: Callable[[], Any]) -> Any:
        response = call()
        connection.check_constraints()  # deferred ones, while the answer can still say no
        return response


class TenantView(ApiView):
    """An endpoint inside the open tenant that is not about one kind of row. `model` says whose
    permission it takes, `verbs` which: {"": "change"}."""

    permission_classes: Any = (RoleAllows,)
    model: ClassVar[type[models.Model]]
    verbs: ClassVar[dict[str, str]] = {}


class TenantViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantView, viewsets.GenericViewSet[Any]
):
    """The tenant's rows of `model`, to read; add CreateRow, ChangeRow, DeleteRow to write."""

    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"
    filter_backends: Any = (FilterBackend,)
    pagination_class = KeysetPages
    filterset_class: Any = None
    ordering_fields: ClassVar[tuple[str, ...]] = ("created_at",)
    ordering: ClassVar[str] = "-created_at"

    def get_queryset(self) -> models.QuerySet[Any]:
        """The rows, with what the serializer joins. Override; never a class attribute."""
        return self.model._default_manager.all()

    def known_parameters(self) -> frozenset[str]:
        if self.action != "list":
            return self.parameters
        filters = self.filterset_class.base_filters if self.filterset_class else ()
        return self.parameters | PAGING | frozenset(filters)

    def answer(self, row: models.Model, status: int = 200) -> Response:
        """The row as this view shows it, read again."""
        fresh = self.get_queryset().get(pk=row.pk)
        return Response(self.get_serializer(fresh).data, status=status)


class CreateRow(mixins.CreateModelMixin):
    """POST on the list."""


class ChangeRow(mixins.UpdateModelMixin):
    """PATCH on a row (PUT is not offered: a forgotten field would be a deleted one)."""


class DeleteRow(mixins.DestroyModelMixin):
    """DELETE on a row; 409 `still_used` when others depend on it."""


class Router(routers.SimpleRouter):
    """`Router().register("clients", ClientViewSet, basename="client")`; no trailing slashes."""

    def __init__(self) -> None:
        super().__init__(trailing_slash=False, use_regex_path=False)
