"""What the validation rules do not believe, and how the rules are set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clients.kernel.api import ChangeRow, CreateRow, DeleteRow, TenantViewSet
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
from clients.kernel.tenancy import actor_label
from meters.api.views import told
from meters.models import (
    ExceptionState,
    Meter,
    MeterException,
    MeterKind,
    Resolution,
    RuleCode,
    Severity,
    ValidationRule,
)
from meters.services.validation.catalogue import CATALOGUE, checked
from meters.services.validation.decisions import (
    accept_exception,
    acknowledge_exception,
    disregard_exception,
    estimate_exception,
    reopen_exception,
)
from meters.services.validation.preview import DAYS, MOST_DAYS, preview_rule
from meters.services.validation.rules import applied_to, forget_rule, set_rule

KINDS: Final = [("", "every kind"), *MeterKind.choices]
MOST_TOLD: Final = 500
DECISIONS: Final[dict[str, Callable[..., MeterException]]] = {
    "accept": accept_exception,
    "disregard": disregard_exception,
    "estimate": estimate_exception,
    "acknowledge": acknowledge_exception,
    "reopen": reopen_exception,
}


class MeterExceptionSerializer(TenantSerializer):
    """A stretch that a rule does not believe, the evidence, and what was decided."""

    id = PublicIdField()
    meter = PublicKeyField(read_only=True)
    values = serializers.DictField(read_only=True, help_text="Evidence; the name ends in its unit.")

    class Meta:
        model = MeterException
        fields = [
            "id",
            "meter",
            "rule",
            "severity",
            "starts_at",
            "ends_at",
            "values",
            "state",
            "resolution",
            "decided_by",
            "decided_at",
            "note",
            "found_at",
        ]
        read_only_fields = fields


class DecisionSerializer(StrictSerializer):
    """What is decided about the stretch, and why."""

    decision = StrictChoice(choices=list(DECISIONS))
    note = StrictText(max_length=400, required=False, allow_blank=True, default="")


class MeterExceptionFilter(TenantFilterSet):
    meter = filters.UUIDFilter(field_name="meter__public_id")
    client = filters.UUIDFilter(method="of_client", help_text="Whose meter it is now.")
    rule = filters.ChoiceFilter(choices=RuleCode.choices)
    severity = filters.ChoiceFilter(choices=Severity.choices)
    state = filters.ChoiceFilter(choices=ExceptionState.choices)
    resolution = filters.ChoiceFilter(choices=Resolution.choices)
    starts_from = filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="gte")
    starts_until = filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="lt")

    class Meta:
        model = MeterException
        fields: tuple[str, ...] = ()

    def of_client(
        self, rows: QuerySet[MeterException], name: str, value: UUID
    ) -> QuerySet[MeterException]:
        meters = Meter.objects.filter(
            installations__ends_at__isnull=True,
            installations__metering_point__site__client__public_id=value,
        )
        return rows.filter(meter__in=meters.values("pk"))


class MeterExceptionViewSet(TenantViewSet):
    """Stretches of a meter's data that a rule does not believe, and what was decided."""

    model = MeterException
    serializer_class = MeterExceptionSerializer
    filterset_class = MeterExceptionFilter
    ordering_fields, ordering = ("starts_at", "found_at"), "-starts_at"
    verbs = {"decide": "change"}

    def get_queryset(self) -> QuerySet[MeterException]:
        return MeterException.objects.select_related("meter")

    @extend_schema(request=DecisionSerializer, responses=MeterExceptionSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, **kwargs: Any) -> Response:
        """Keep the readings, leave them out, fill the stretch, look at it, or take it back."""
        row: MeterException = self.get_object()
        said = told(DecisionSerializer, request)
        DECISIONS[said["decision"]](
            row, author=actor_label(), note=said["note"], now=timezone.now()
        )
        return self.answer(row)


class ValidationRuleSerializer(TenantSerializer):
    """How a rule holds here, for all meters or those of a kind. Parameters that are left out are
    the catalogue's."""

    id = PublicIdField()
    kind = StrictChoice(
        choices=KINDS,
        required=False,
        allow_blank=True,
        default="",
        help_text="Of meters; empty: all.",
    )
    severity = StrictChoice(choices=Severity.choices, required=False)
    is_enabled = StrictBoolean(required=False)
    parameters = serializers.DictField(required=False)

    class Meta:
        model = ValidationRule
        fields = ["id", "code", "kind", "severity", "is_enabled", "parameters", "changed_at"]
        read_only_fields = ["changed_at"]

    def store(self, instance: ValidationRule, values: dict[str, Any]) -> ValidationRule:
        """A rule that is already set for the kind is changed."""
        if instance.pk:
            values = {**values, "code": instance.code, "kind": instance.kind}
        return set_rule(values.pop("code"), values.pop("kind", ""), **values, now=timezone.now())


class ParameterSerializer(serializers.Serializer[Any]):
    """A number that a rule takes."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment] # a field of ours, not DRF's label
    default = serializers.FloatField()
    unit = serializers.CharField()
    lowest = serializers.FloatField()
    highest = serializers.FloatField()


class HeldSerializer(serializers.Serializer[Any]):
    """How a rule holds for a kind of meter now."""

    kind = serializers.CharField()
    severity = serializers.CharField()
    is_enabled = serializers.BooleanField()
    parameters = serializers.DictField(child=serializers.FloatField())


class CatalogueEntrySerializer(serializers.Serializer[Any]):
    """A rule of the catalogue: what it checks, its parameters, and how it holds."""

    code = serializers.CharField()
    name = serializers.CharField()
    what = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment] # of ours, not DRF's source
    needs = serializers.CharField(allow_blank=True)
    severity = serializers.CharField()
    parameters = ParameterSerializer(many=True)
    holds = HeldSerializer(many=True)


class PreviewSerializer(StrictSerializer):
    """A rule as it might be set; parameters that are left out are those in force."""

    code = StrictChoice(choices=RuleCode.choices)
    kind = StrictChoice(choices=KINDS, required=False, allow_blank=True, default="")
    parameters = serializers.DictField(required=False)
    days = StrictInteger(min_value=1, max_value=MOST_DAYS, default=DAYS)

    def validate(self, attrs: Any) -> Any:
        checked(attrs["code"], attrs.get("parameters") or {})
        return attrs


class FlaggedSerializer(serializers.Serializer[Any]):
    """A stretch that would have been flagged."""

    meter = serializers.UUIDField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    values = serializers.DictField()


class PreviewedSerializer(serializers.Serializer[Any]):
    """What the rule would have flagged; the newest 500 are listed, all are counted."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    meters_looked_at = serializers.IntegerField()
    meters_left_out = serializers.IntegerField()
    meters_flagged = serializers.IntegerField()
    count = serializers.IntegerField()
    flagged = FlaggedSerializer(many=True)


class ValidationRuleFilter(TenantFilterSet):
    code = filters.ChoiceFilter(choices=RuleCode.choices)
    kind = filters.ChoiceFilter(choices=MeterKind.choices)
    is_enabled = filters.BooleanFilter()

    class Meta:
        model = ValidationRule
        fields: tuple[str, ...] = ()


class ValidationRuleViewSet(CreateRow, ChangeRow, DeleteRow, TenantViewSet):
    """Rules as this company wants them. Without a row the catalogue's defaults hold."""

    model = ValidationRule
    serializer_class = ValidationRuleSerializer
    filterset_class = ValidationRuleFilter
    ordering_fields, ordering = ("code", "changed_at"), "code"
    verbs = {"catalogue": "view", "preview": "change"}

    def get_queryset(self) -> QuerySet[ValidationRule]:
        return ValidationRule.objects.all()

    def perform_destroy(self, instance: ValidationRule) -> None:
        forget_rule(instance)

    @extend_schema(responses=CatalogueEntrySerializer(many=True))
    @action(detail=False, pagination_class=None, filterset_class=None)
    def catalogue(self, request: Request, **kwargs: Any) -> Response:
        """Every rule: what it checks, its parameters with units and bounds, how it holds here."""
        rows = list(ValidationRule.objects.all())
        found = []
        for entry in CATALOGUE.values():
            held = [(kind, applied_to(entry, kind, rows)) for kind in entry.kinds]
            found.append(
                {
                    "code": entry.code.value,
                    "name": entry.name,
                    "what": entry.what,
                    "source": entry.source,
                    "needs": entry.needs,
                    "severity": entry.severity.value,
                    "parameters": [asdict(parameter) for parameter in entry.parameters],
                    "holds": [
                        {
                            "kind": kind.value,
                            "severity": rule.severity.value,
                            "is_enabled": rule.is_enabled,
                            "parameters": rule.parameters,
                        }
                        for kind, rule in held
                        if rule
                    ],
                }
            )
        return Response(CatalogueEntrySerializer(found, many=True).data)

    @extend_schema(request=PreviewSerializer, responses=PreviewedSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request, **kwargs: Any) -> Response:
        """What the rule would have flagged in the last days. Nothing is kept."""
        said = told(PreviewSerializer, request)
        found = preview_rule(
            said["code"],
            said["kind"],
            parameters=said.get("parameters"),
            days=said["days"],
            now=timezone.now(),
        )
        answer = {
            "starts_at": found.period.start,
            "ends_at": found.period.end,
            "meters_looked_at": found.meters_looked_at,
            "meters_left_out": found.meters_left_out,
            "meters_flagged": found.meters,
            "count": found.count,
            "flagged": [
                {
                    "meter": item.meter.public_id,
                    "starts_at": item.found.starts_at,
                    "ends_at": item.found.ends_at,
                    "values": item.found.values,
                }
                for item in found.flagged[:MOST_TOLD]
            ],
        }
        return Response(PreviewedSerializer(answer).data)
