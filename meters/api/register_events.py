"""Register events, gaps that were filled, and what people fill in."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clients.kernel.api import CreateRow, TenantViewSet
from clients.kernel.api_fields import (
    PublicIdField,
    PublicKeyField,
    StrictBoolean,
    StrictChoice,
    StrictInteger,
    StrictSerializer,
    StrictText,
    TenantSerializer,
)
from clients.kernel.api_lists import TenantFilterSet
from clients.kernel.periods import Period
from clients.kernel.tenancy import actor_label
from meters.api.views import told
from meters.errors import BadEdit
from meters.models import (
    Edit,
    EditKind,
    Estimate,
    EventKind,
    EventState,
    Meter,
    Method,
    RegisterEvent,
)
from meters.services.editing import edit_interval, estimate_gap
from meters.services.meter_facts import MOST_AMOUNT
from meters.services.register_events import confirm_event, correct_event, reopen_event
from meters.services.validation.decisions import take_back_edit


class RegisterEventSerializer(TenantSerializer):
    """A step of a register that is not simply use: what it was taken for (`detected_kind`), what
    holds now (`kind`), and who decided. Values are in Wh or litres."""

    id = PublicIdField()
    meter = PublicKeyField(read_only=True)

    class Meta:
        model = RegisterEvent
        fields = [
            "id",
            "meter",
            "register",
            "kind",
            "detected_kind",
            "state",
            "starts_at",
            "ends_at",
            "value_before",
            "value_between",
            "value_after",
            "left_out",
            "offset",
            "factor",
            "decided_by",
            "decided_at",
            "note",
            "created_at",
        ]
        read_only_fields = fields


class ConfirmSerializer(StrictSerializer):
    """Why it is what it was taken for."""

    note = StrictText(max_length=200, required=False, allow_blank=True, default="")


class CorrectSerializer(ConfirmSerializer):
    """What it was instead."""

    kind = StrictChoice(choices=EventKind.choices)
    used = StrictInteger(
        min_value=0,
        max_value=MOST_AMOUNT,
        required=False,
        allow_null=True,
        help_text="In Wh or litres, with `real`.",
    )
    factor = serializers.DecimalField(
        max_digits=12,
        decimal_places=6,
        min_value=0,
        required=False,
        allow_null=True,
        help_text="By what values are multiplied from then on, with `scale`.",
    )
    anyway = StrictBoolean(default=False, help_text="Also if it is more than can be delivered.")


class RegisterEventFilter(TenantFilterSet):
    meter = filters.UUIDFilter(field_name="meter__public_id")
    kind = filters.ChoiceFilter(choices=EventKind.choices)
    state = filters.ChoiceFilter(choices=EventState.choices)
    starts_from = filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="gte")
    starts_until = filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="lt")

    class Meta:
        model = RegisterEvent
        fields: tuple[str, ...] = ()


class RegisterEventViewSet(TenantViewSet):
    """Why a register did not simply count up: detected, and confirmed or corrected by people."""

    model = RegisterEvent
    serializer_class = RegisterEventSerializer
    filterset_class = RegisterEventFilter
    ordering_fields, ordering = ("starts_at", "created_at"), "-starts_at"
    verbs = {"confirm": "change", "correct": "change", "reopen": "change"}

    def get_queryset(self) -> QuerySet[RegisterEvent]:
        return RegisterEvent.objects.select_related("meter")

    @extend_schema(request=ConfirmSerializer, responses=RegisterEventSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, **kwargs: Any) -> Response:
        """It is what it was taken for; readings that come late no longer change it."""
        row: RegisterEvent = self.get_object()
        said = told(ConfirmSerializer, request)
        return self.answer(
            confirm_event(row, author=actor_label(), now=timezone.now(), note=said["note"])
        )

    @extend_schema(request=CorrectSerializer, responses=RegisterEventSerializer)
    @action(detail=True, methods=["post"])
    def correct(self, request: Request, **kwargs: Any) -> Response:
        """It was something else; intervals and days are computed again."""
        row: RegisterEvent = self.get_object()
        said = told(CorrectSerializer, request)
        kind = said.pop("kind")
        return self.answer(
            correct_event(row, kind, author=actor_label(), now=timezone.now(), **said)
        )

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, **kwargs: Any) -> Response:
        """Take the decision back: readings alone say again what it was."""
        reopen_event(self.get_object())
        return Response(status=204)


class EstimateSerializer(TenantSerializer):
    """A gap, the method that filled it, and the amount in watt-seconds or millilitres."""

    id = PublicIdField()
    meter = PublicKeyField(read_only=True)

    class Meta:
        model = Estimate
        fields = ["id", "meter", "register", "starts_at", "ends_at", "method", "days", "amount"]
        read_only_fields = fields


class EstimateFilter(TenantFilterSet):
    meter = filters.UUIDFilter(field_name="meter__public_id")
    method = filters.ChoiceFilter(choices=Method.choices)
    starts_from = filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="gte")
    starts_until = filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="lt")

    class Meta:
        model = Estimate
        fields: tuple[str, ...] = ()


class EstimateViewSet(TenantViewSet):
    """Gaps of more than two hours, and what filled them."""

    model = Estimate
    serializer_class = EstimateSerializer
    filterset_class = EstimateFilter
    ordering_fields, ordering = ("starts_at",), "-starts_at"

    def get_queryset(self) -> QuerySet[Estimate]:
        return Estimate.objects.select_related("meter")


class EditSerializer(TenantSerializer):
    """Typed values need `amount`; an estimate needs `method`."""

    id = PublicIdField()
    meter = PublicKeyField(queryset=Meter.objects)
    kind = StrictChoice(choices=EditKind.choices)
    method = StrictChoice(choices=Method.choices, required=False, allow_blank=True)
    amount = StrictInteger(
        min_value=0,
        max_value=MOST_AMOUNT,
        required=False,
        write_only=True,
        help_text="Wh or litres, of `edit`.",
    )
    anyway = StrictBoolean(
        default=False, write_only=True, help_text="Also if it is more than can be delivered."
    )

    class Meta:
        model = Edit
        fields = [
            "id",
            "meter",
            "kind",
            "method",
            "days",
            "starts_at",
            "ends_at",
            "amount",
            "anyway",
            "column",
            "values",
            "reason",
            "author",
            "created_at",
            "undone_at",
            "undone_by",
        ]
        read_only_fields = [
            "days",
            "column",
            "values",
            "author",
            "created_at",
            "undone_at",
            "undone_by",
        ]

    def store(self, instance: Edit, values: dict[str, Any]) -> Edit:
        meter, reason = values["meter"], values["reason"]
        if values["starts_at"] >= values["ends_at"]:
            raise BadEdit(_("The period ends before it begins."), "bad_period")
        period = Period(values["starts_at"], values["ends_at"])
        if values["kind"] == EditKind.ESTIMATE:
            method = values.get("method") or Method.REFERENCE_DAYS
            return estimate_gap(meter, period, method, author=actor_label(), reason=reason)
        if values.get("amount") is None:
            raise BadEdit(_("Say how much was used."), "amount_missing")
        return edit_interval(
            meter,
            period,
            values["amount"],
            reason=reason,
            author=actor_label(),
            anyway=values["anyway"],
        )


class EditFilter(TenantFilterSet):
    meter = filters.UUIDFilter(field_name="meter__public_id")
    kind = filters.ChoiceFilter(choices=EditKind.choices)
    starts_from = filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="gte")
    starts_until = filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="lt")

    class Meta:
        model = Edit
        fields: tuple[str, ...] = ()


class EditViewSet(CreateRow, TenantViewSet):
    """Quarter-hours that people typed or had estimated. They stand until they are undone."""

    model = Edit
    serializer_class = EditSerializer
    filterset_class = EditFilter
    ordering_fields, ordering = ("created_at", "starts_at"), "-created_at"
    verbs = {"undo": "change"}

    def get_queryset(self) -> QuerySet[Edit]:
        return Edit.objects.select_related("meter")

    @extend_schema(request=None, responses=EditSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, **kwargs: Any) -> Response:
        """Have what readings say stand again, and the suspicion wait that was answered by it."""
        row: Edit = self.get_object()
        take_back_edit(row, author=actor_label(), now=timezone.now())
        return self.answer(row)
