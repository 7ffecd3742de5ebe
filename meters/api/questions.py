"""What may be asked of a meter's data: quantities, spans and limits, as query parameters."""

from __future__ import annotations

import math
from datetime import UTC, timedelta
from typing import Any, ClassVar, Final

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers

from clients.kernel.api_fields import PublicKeyField, StrictChoice, StrictInstant, StrictSerializer
from clients.kernel.periods import Period
from meters.models import Meter
from meters.models.aliases import ALIASES
from meters.models.quantities import NAMES
from meters.selectors import columns
from meters.selectors import forecast as forecasts
from meters.selectors import voltage as voltages

PERIODS: Final = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
    "1w": timedelta(weeks=1),
    "1m": timedelta(days=30),
    "1y": timedelta(days=365),
}
QUANTITIES: Final = (*columns.SUMS, *NAMES)
MOST_QUANTITIES: Final = 8
QUANTITIES_SHAPE: Final[dict[str, Any]] = {
    "type": "array",
    "items": {"type": "string", "enum": list(QUANTITIES)},
    "minItems": 1,
    "maxItems": MOST_QUANTITIES,
}
LONGEST: Final = timedelta(days=5 * 366)
LONGEST_STUDY: Final = timedelta(days=400)


class Finite(serializers.FloatField):
    """A number of an address: text, but neither NaN nor infinite."""

    def to_internal_value(self, data: Any) -> float:
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class Quantity(StrictChoice):
    """One quantity, by its own name or another that the ingest lane takes for it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=list(QUANTITIES), **options)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(meant(data))


@extend_schema_field(QUANTITIES_SHAPE)
class Quantities(serializers.Field[Any, Any, Any, Any]):
    """One quantity, or several with commas between."""

    default_error_messages = {
        "unknown_quantity": _("“{name}” is not measured by any meter. Ask for: {choices}."),
        "too_many": _("At most eight quantities at once."),
    }

    def to_internal_value(self, data: Any) -> list[str]:
        names = list(dict.fromkeys(meant(name) for name in str(data).split(",")))
        for name in names:
            if name not in QUANTITIES:
                self.fail("unknown_quantity", name=name, choices=", ".join(QUANTITIES))
        if len(names) > MOST_QUANTITIES:
            self.fail("too_many")
        return names

    def to_representation(self, value: Any) -> Any:
        return ",".join(value)


def meant(name: Any) -> Any:
    """The quantity that the ingest lane would keep a value of this name as; else the name."""
    alias = ALIASES.get(name.strip().lower()) if isinstance(name, str) else None
    return alias.quantity if alias and alias.quantity else name


def parameters_of(query: type[StrictSerializer]) -> list[Any]:
    """A query's fields for the API's document; a list has commas between its items."""
    return [
        query,
        *(
            OpenApiParameter(
                name,
                type=QUANTITIES_SHAPE,
                required=field.required,
                description=str(field.help_text),
                style="form",
                explode=False,
            )
            for name, field in query().fields.items()
            if isinstance(field, Quantities)
        ),
    ]


class SpanQuery(StrictSerializer):
    """`period` until now, or `start` (in) and `end` (out). Without any: the last day."""

    period = StrictChoice(
        choices=list(PERIODS),
        required=False,
        help_text="So long until now; 1m is 30 days. Without it and without `start`: the last day.",
    )
    start = StrictInstant(
        required=False, help_text="An instant with its offset (in), instead of `period`."
    )
    end = StrictInstant(required=False, help_text="An instant with its offset (out).")
    longest: ClassVar[timedelta] = LONGEST_STUDY

    def validate(self, attrs: Any) -> Any:
        start, end = attrs.pop("start", None), attrs.pop("end", None)
        name = attrs.pop("period", None)
        if name and (start or end):
            raise serializers.ValidationError(
                {"period": _("Give either a period or a start and an end.")}
            )
        if bool(start) != bool(end):
            missing = "end" if start else "start"
            raise serializers.ValidationError({missing: _("Give the start and the end.")})
        if start is None:
            now = timezone.now()
            start, end = now - PERIODS[name or "1d"], now
        if start >= end:
            raise serializers.ValidationError({"end": _("The end must come after the start.")})
        if end - start > self.longest:
            raise serializers.ValidationError({"end": _("This period is too long.")})
        return {**attrs, "period": Period(start.astimezone(UTC), end.astimezone(UTC))}


class SeriesQuery(SpanQuery):
    quantity = Quantities(help_text="One of the quantities, or several with commas between.")
    resolution = StrictChoice(
        choices=list(columns.RESOLUTIONS),
        required=False,
        help_text="Left out: the finest that 2,000 points allow.",
    )
    compare = StrictChoice(
        choices=["previous"], required=False, help_text="Fills `prev` with the period before."
    )
    longest = LONGEST


class QuantityQuery(SpanQuery):
    quantity = Quantity(help_text="What was measured.")


class CapabilityQuery(QuantityQuery):
    lsl = Finite(required=False, help_text="Lower specification limit.")
    usl = Finite(required=False, help_text="Upper specification limit.")


class RegressionQuery(SpanQuery):
    x = Quantity(help_text="The quantity that may explain.")
    y = Quantity(help_text="The quantity to be explained.")
    y_meter = PublicKeyField(Meter, required=False, help_text="Left out: the same meter.")
    step = StrictChoice(
        choices=[60, 300, 900, 3_600], default=900, help_text="Seconds of which means are paired."
    )


class DemandQuery(SpanQuery):
    distributor = serializers.CharField(
        max_length=80, required=False, help_text="Left out: the one that supplies the site."
    )


class ComparisonQuery(SpanQuery):
    against = StrictChoice(
        choices=["previous", "year"],
        default="previous",
        help_text="The same length just before, or 52 weeks ago.",
    )


class BaselineQuery(StrictSerializer):
    days = serializers.IntegerField(
        min_value=14, max_value=400, default=90, help_text="How many days back."
    )


class ForecastQuery(StrictSerializer):
    days = serializers.IntegerField(
        min_value=1, max_value=forecasts.LONGEST, default=7, help_text="How many days ahead."
    )


class VoltageQuery(StrictSerializer):
    start = serializers.DateField(help_text="The first local day of the week.")
    nominal_voltage_v = serializers.IntegerField(
        min_value=50,
        max_value=voltages.MOST_NOMINAL_V,
        required=False,
        help_text="Left out: the point's own.",
    )
    eusd_cents = serializers.IntegerField(
        min_value=0, max_value=10**12, required=False, help_text="For an estimated compensation."
    )
