"""Lists: pages by cursor, declared filters and orderings, and nothing that was not declared."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.db.models import Model, Q
from django.forms import ChoiceField, ModelChoiceField
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from clients.kernel.api_errors import Refusal
from clients.kernel.api_formats import dump
from clients.kernel.fields import CannotDecrypt, Sealed, seal, unseal
from clients.kernel.tenancy import current_tenant_id

PAGE, LARGEST_PAGE = 20, 200
LONGEST_LIMIT = 10  # digits; Python refuses to read very long ones
PAGING = frozenset({"limit", "cursor", "ordering"})


class TenantFilterSet(filters.FilterSet):
    """Declares what a list may be filtered by. Declare `fields` one by one."""

    def get_form_class(self) -> Any:
        """The form; its refusals name the choices."""
        found = super().get_form_class()
        for field in found.base_fields.values():
            if isinstance(field, ChoiceField) and not isinstance(field, ModelChoiceField):
                named = ", ".join(str(value) for value, _label in field.choices if value)
                sentence = _("“{input}” is not one of: {choices}.")
                said = sentence.format(input="%(value)s", choices=named.replace("%", "%%"))
                field.error_messages["invalid_choice"] = said
        return found


class FilterBackend(filters.DjangoFilterBackend):
    filterset_base = TenantFilterSet


def check_parameters(request: Request, known: Iterable[str]) -> None:
    """Refuse query parameters that the view did not declare, or that are given twice."""
    allowed = set(known)
    for name, values in request.query_params.lists():
        if name not in allowed:
            known = {"name": name, "known": ", ".join(sorted(allowed)) or "—"}
            sentence = _("There is no parameter “%(name)s” here. Known: %(known)s.")
            raise Refusal(400, "unknown_parameter", sentence % known)
        if len(values) > 1:
            raise Refusal(400, "repeated_parameter", _("“%s” was given more than once.") % name)


class KeysetPages(BasePagination):
    """Pages that stay right while rows come and go: ordered by one declared field and the id.

    The view declares `ordering_fields` (columns that are never null; `__` reaches a parent) and
    `ordering`, the default. A cursor is opaque: sealed, and good for its tenant, path and order.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.order = chosen_order(request, view)
        self.bound_to = f"cursor|{current_tenant_id()}|{request.path}|{self.order}"
        limit = chosen_limit(request)
        name, sign = self.order.lstrip("-"), "-" if self.order.startswith("-") else ""
        if text := request.query_params.get("cursor"):
            queryset = queryset.filter(self._after(queryset.model, text, name, sign))
        rows = list(queryset.order_by(f"{sign}{name}", f"{sign}id")[: limit + 1])
        self.next = self._cursor(rows[limit - 1], name) if len(rows) > limit else None
        return rows[:limit]

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next_cursor": self.next})

    def _cursor(self, row: Any, name: str) -> str:
        owner: Any = row
        *parents, last = name.split("__")
        for parent in parents:
            owner = getattr(owner, parent)
        text = owner._meta.get_field(last).value_to_string(owner)
        sealed = seal(dump([text, row.pk]).decode(), self.bound_to)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def _after(self, model: type[Model], text: str, name: str, sign: str) -> Q:
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            raw, key = orjson.loads(unseal(Sealed(sealed), self.bound_to))
            value = field_of(model, name).to_python(raw)
        except (CannotDecrypt, binascii.Error, ValueError, ValidationError) as error:
            raise Refusal(
                400, "invalid_cursor", _("This cursor does not belong to this list.")
            ) from error
        side = "lt" if sign else "gt"
        # `gte` first: the index range; then the exact place in it.
        return Q(**{f"{name}__{side}e": value}) & (
            Q(**{f"{name}__{side}": value}) | Q(**{name: value, f"id__{side}": key})
        )

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        orders = [f"{sign}{name}" for name in view.ordering_fields for sign in ("", "-")]
        number = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE}
        return [
            {"name": "limit", "in": "query", "schema": number},
            {"name": "cursor", "in": "query", "schema": {"type": "string"}},
            {
                "name": "ordering",
                "in": "query",
                "schema": {"type": "string", "enum": orders, "default": view.ordering},
            },
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["results", "next_cursor"],
            "properties": {
                "results": schema,
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": "Null on the last page.",
                },
            },
        }


def field_of(model: Any, name: str) -> Any:
    """The model field behind a path such as `client__name`."""
    *parents, last = name.split("__")
    for parent in parents:
        model = model._meta.get_field(parent).related_model
    return model._meta.get_field(last)


def chosen_order(request: Request, view: Any) -> str:
    order: str = request.query_params.get("ordering", view.ordering)
    if order.removeprefix("-") not in view.ordering_fields:
        raise Refusal(400, "invalid_ordering", _("This list cannot be ordered by “%s”.") % order)
    return order


def chosen_limit(request: Request) -> int:
    text = request.query_params.get("limit", str(PAGE))
    is_number = text.isascii() and text.isdecimal() and len(text) <= LONGEST_LIMIT
    if not (is_number and 1 <= int(text) <= LARGEST_PAGE):
        raise Refusal(400, "invalid_limit", _("The limit is a number from 1 to 200."))
    return int(text)
