"""What meters answer: series, statistics, demand, load, forecast, and the voltage of points."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clients.kernel.api_fields import PublicKeyField, StrictChoice, StrictInstant, StrictSerializer
from clients.kernel.periods import Period
from meters.models import Meter, MeteringPoint
from meters.models.quantities import NAMES
from meters.selectors import baseline as baselines
from meters.selectors import calculated as calculations
from meters.selectors import columns, load, statistics
from meters.selectors import demand as demands
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
LONGEST: Final = timedelta(days=5 * 366)
LONGEST_STUDY: Final = timedelta(days=400)


class Finite(serializers.FloatField):
    """A number of an address: text, but neither NaN nor infinite."""

    def to_internal_value(self, data: Any) -> float:
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


@extend_schema_field(OpenApiTypes.STR)
class Quantities(serializers.Field[Any, Any, Any, Any]):
    """One quantity, or several with commas between."""

    default_error_messages = {
        "unknown_quantity": _("“{name}” is not measured by any meter."),
        "too_many": _("At most eight quantities at once."),
    }

    def to_internal_value(self, data: Any) -> list[str]:
        names = list(dict.fromkeys(str(data).split(",")))
        for name in names:
            if name not in QUANTITIES:
                self.fail("unknown_quantity", name=name)
        if len(names) > MOST_QUANTITIES:
            self.fail("too_many")
        return names

    def to_representation(self, value: Any) -> Any:
        return ",".join(value)


class SpanQuery(StrictSerializer):
    """`period` until now, or `start` (in) and `end` (out). Without any: the last day."""

    period = StrictChoice(choices=list(PERIODS), required=False, help_text="1m is 30 days.")
    start = StrictInstant(required=False)
    end = StrictInstant(required=False)
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
    quantity = StrictChoice(choices=list(QUANTITIES))


class CapabilityQuery(QuantityQuery):
    lsl = Finite(required=False, help_text="Lower specification limit.")
    usl = Finite(required=False, help_text="Upper specification limit.")


class RegressionQuery(SpanQuery):
    x = StrictChoice(choices=list(QUANTITIES))
    y = StrictChoice(choices=list(QUANTITIES))
    y_meter = PublicKeyField(Meter, required=False, help_text="Left out: the same meter.")
    step = serializers.ChoiceField(
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
    days = serializers.IntegerField(min_value=14, max_value=400, default=90)


class ForecastQuery(StrictSerializer):
    days = serializers.IntegerField(min_value=1, max_value=forecasts.LONGEST, default=7)


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


class MarkSerializer(serializers.Serializer[Any]):
    """A stretch that is `missing`, `estimated` or `edited` (then `label` says by whom)."""

    start = serializers.IntegerField()
    end = serializers.IntegerField()
    kind = serializers.CharField()
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment] # a field called so


def _numbers(*, is_nullable: bool = False) -> serializers.ListField:
    child = serializers.FloatField(allow_null=True)
    return serializers.ListField(child=child, allow_null=is_nullable)


class LineSerializer(serializers.Serializer[Any]):
    """One quantity on the axis `t`. `low` and `high` are the extremes within each step."""

    quantity = serializers.CharField()
    unit = serializers.CharField()
    v = _numbers()
    low = _numbers(is_nullable=True)
    high = _numbers(is_nullable=True)
    prev = _numbers(is_nullable=True)


class SeriesSerializer(serializers.Serializer[Any]):
    """Columns of at most 2,000 points (4,000 at a named resolution): instants in Unix seconds."""

    resolution = serializers.CharField()
    step_s = serializers.IntegerField(allow_null=True)
    zone = serializers.CharField()
    start = serializers.DateTimeField(source="period.start")
    end = serializers.DateTimeField(source="period.end")
    completeness_percent = serializers.SerializerMethodField()
    estimated_percent = serializers.SerializerMethodField()
    t = serializers.ListField(child=serializers.IntegerField())
    series = LineSerializer(many=True, source="lines")
    marks = MarkSerializer(many=True)

    def get_completeness_percent(self, found: Any) -> float:
        return percent(found.known)

    def get_estimated_percent(self, found: Any) -> float:
        return percent(found.estimated)


def percent(share: float) -> float:
    """Rounded down: what is not complete must not look so."""
    return math.floor(share * 10_000) / 100


class BinSerializer(serializers.Serializer[Any]):
    low = serializers.FloatField()
    high = serializers.FloatField()
    count = serializers.IntegerField()


class SummarySerializer(serializers.Serializer[Any]):
    """`std` is of a sample. `time_weighted_mean`: each reading holds until the next one."""

    quantity = serializers.CharField()
    unit = serializers.CharField()
    count = serializers.IntegerField()
    mean = serializers.FloatField()
    time_weighted_mean = serializers.FloatField(allow_null=True)
    std = serializers.FloatField()
    min = serializers.FloatField()
    min_at = serializers.DateTimeField()
    max = serializers.FloatField()
    max_at = serializers.DateTimeField()
    percentiles = serializers.DictField(child=serializers.FloatField())
    histogram = BinSerializer(many=True)


class CapabilitySerializer(serializers.Serializer[Any]):
    """`cpk` = the smaller of (USL − mean) / 3 std and (mean − LSL) / 3 std."""

    quantity = serializers.CharField()
    unit = serializers.CharField()
    lsl = serializers.FloatField(allow_null=True)
    usl = serializers.FloatField(allow_null=True)
    count = serializers.IntegerField()
    mean = serializers.FloatField()
    std = serializers.FloatField()
    cp = serializers.FloatField(allow_null=True)
    cpk = serializers.FloatField()
    outside = serializers.IntegerField()


class RegressionSerializer(serializers.Serializer[Any]):
    """y = slope · x + intercept; `dropped` steps had only one of the two."""

    slope = serializers.FloatField()
    intercept = serializers.FloatField()
    r2 = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()
    dropped = serializers.IntegerField()
    step_s = serializers.IntegerField()


class PostoSerializer(serializers.Serializer[Any]):
    posto = serializers.CharField()
    max_w = serializers.FloatField()
    max_at = serializers.DateTimeField()
    mean_w = serializers.FloatField()
    quarters = serializers.IntegerField()
    energy_wh = serializers.FloatField()


class HourMeanSerializer(serializers.Serializer[Any]):
    hour = serializers.IntegerField()
    mean_w = serializers.FloatField()
    quarters = serializers.IntegerField()


class DemandSerializer(serializers.Serializer[Any]):
    """Means of measured quarter-hours. `postos` is empty without hours of the distributor."""

    max_w = serializers.FloatField()
    max_at = serializers.DateTimeField()
    mean_w = serializers.FloatField()
    min_w = serializers.FloatField()
    quarters = serializers.IntegerField()
    left_out = serializers.IntegerField()
    completeness_percent = serializers.SerializerMethodField()
    zone = serializers.CharField()
    distributor = serializers.CharField(allow_blank=True)
    postos = PostoSerializer(many=True)
    hourly_average = HourMeanSerializer(many=True, source="hours")
    sources = serializers.ListField(child=serializers.CharField())
    is_confirmed = serializers.BooleanField()
    to_confirm = serializers.ListField(child=serializers.DateField())

    def get_completeness_percent(self, found: Any) -> float:
        return percent(found.known)


class PhaseSerializer(serializers.Serializer[Any]):
    phase = serializers.IntegerField()
    voltage_v = serializers.FloatField()
    current_a = serializers.FloatField()
    apparent_power_va = serializers.FloatField()


class CalculatedSerializer(serializers.Serializer[Any]):
    """From the last hundred readings of the period; a phase below 0.01 V is not active."""

    readings = serializers.IntegerField()
    last_at = serializers.DateTimeField()
    active_phases = serializers.IntegerField()
    power_w = serializers.FloatField()
    apparent_power_va = serializers.FloatField()
    power_factor = serializers.FloatField()
    mean_voltage_v = serializers.FloatField()
    mean_current_a = serializers.FloatField()
    mean_power_w = serializers.FloatField()
    mean_apparent_power_va = serializers.FloatField()
    voltage_unbalance_percent = serializers.FloatField(allow_null=True)
    current_unbalance_percent = serializers.FloatField(allow_null=True)
    energy_import_kwh = serializers.FloatField(allow_null=True)
    phases = PhaseSerializer(many=True)


class LoadDurationSerializer(serializers.Serializer[Any]):
    """`watts[n]` is reached or exceeded in n % of the time; the base load in 95 %."""

    watts = serializers.ListField(child=serializers.FloatField())
    peak_w = serializers.FloatField()
    base_w = serializers.FloatField()
    base_wh_per_month = serializers.FloatField()
    mean_w = serializers.FloatField()
    load_factor = serializers.FloatField(allow_null=True)
    quarters = serializers.IntegerField()
    completeness_percent = serializers.SerializerMethodField()

    def get_completeness_percent(self, found: Any) -> float:
        return percent(found.known)


class HeatMapSerializer(serializers.Serializer[Any]):
    """24 rows, an hour each, of 7 means: Monday first, local time."""

    unit = serializers.CharField()
    rows = serializers.ListField(child=_numbers())
    quarters = serializers.IntegerField()


class ComparisonSerializer(serializers.Serializer[Any]):
    """Over the quarter-hours known in both; `sentence` says it in the reader's language."""

    unit = serializers.CharField()
    start = serializers.DateTimeField(source="period.start")
    end = serializers.DateTimeField(source="period.end")
    before_start = serializers.DateTimeField(source="before.start")
    before_end = serializers.DateTimeField(source="before.end")
    now = serializers.FloatField()
    then = serializers.FloatField()
    change = serializers.FloatField(allow_null=True)
    hours = serializers.FloatField()
    hours_of_period = serializers.FloatField()
    sentence = serializers.CharField()


class UsualHourSerializer(serializers.Serializer[Any]):
    day_type = serializers.CharField()
    hour = serializers.IntegerField()
    median = serializers.FloatField()
    mad = serializers.FloatField()
    days = serializers.IntegerField()


class StrangeDaySerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    day_type = serializers.CharField()
    amount = serializers.FloatField()
    usual = serializers.FloatField()
    score = serializers.FloatField()
    sentence = serializers.CharField()


class BaselineSerializer(serializers.Serializer[Any]):
    """Median and median deviation by type of day and hour, and the days beyond 3.5 of them."""

    unit = serializers.CharField()
    first = serializers.DateField()
    after = serializers.DateField()
    days = serializers.IntegerField()
    incomplete_days = serializers.IntegerField()
    hours = UsualHourSerializer(many=True)
    anomalies = StrangeDaySerializer(many=True)


class ForecastDaySerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    hours = _numbers()
    amount = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class BackTestSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField()
    mae = serializers.FloatField()
    naive_mae = serializers.FloatField()
    skill = serializers.FloatField()
    inside_band = serializers.FloatField()


class ForecastSerializer(serializers.Serializer[Any]):
    """`rule` is `naive` where the profile did not win on this meter's own past."""

    unit = serializers.CharField()
    rule = serializers.CharField()
    band_percent = serializers.IntegerField()
    days = ForecastDaySerializer(many=True)
    back_test = BackTestSerializer()


class PhaseCountSerializer(serializers.Serializer[Any]):
    phase = serializers.CharField()
    adequate = serializers.IntegerField()
    precarious = serializers.IntegerField()
    critical = serializers.IntegerField()
    drp_percent = serializers.DecimalField(max_digits=7, decimal_places=3)
    drc_percent = serializers.DecimalField(max_digits=7, decimal_places=3)
    lowest_v = serializers.FloatField()
    highest_v = serializers.FloatField()


class VerdictSerializer(serializers.Serializer[Any]):
    readings = serializers.IntegerField()
    replaced = serializers.IntegerField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    phases = PhaseCountSerializer(many=True)
    drp_percent = serializers.DecimalField(max_digits=7, decimal_places=3)
    drc_percent = serializers.DecimalField(max_digits=7, decimal_places=3)
    is_within = serializers.BooleanField()


class BandsSerializer(serializers.Serializer[Any]):
    nominal_v = serializers.IntegerField()
    critical_below_v = serializers.FloatField()
    adequate_from_v = serializers.FloatField()
    adequate_to_v = serializers.FloatField()
    critical_above_v = serializers.FloatField()
    act = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment] # a field called so


class VoltageQualitySerializer(serializers.Serializer[Any]):
    """`verdict` replaces interrupted windows; `purged` also those with a momentary sag or swell,
    null while too few are left. `compensation_cents` is an estimate, and only with `eusd_cents`."""

    point = serializers.CharField()
    nominal_v = serializers.IntegerField()
    bands = BandsSerializer()
    zone = serializers.CharField()
    first_day = serializers.DateField()
    samples_per_window = serializers.IntegerField()
    drp_limit_percent = serializers.DecimalField(max_digits=5, decimal_places=2)
    drc_limit_percent = serializers.DecimalField(max_digits=5, decimal_places=2)
    verdict = VerdictSerializer()
    purged = VerdictSerializer(allow_null=True)
    compensation_cents = serializers.IntegerField(allow_null=True)
    notes = serializers.ListField(child=serializers.CharField())


QUERIES: dict[str, type[StrictSerializer]] = {}


def answer(url: str, query: type[StrictSerializer], shown: type[Any]) -> Callable[[Any], Any]:
    """A GET on a row: its parameters are those of `query`, its answer that of `shown`."""

    def decorate(view: Any) -> Any:
        def called(self: Any, request: Request, **kwargs: Any) -> Response:
            row = self.get_object()
            said = query(data=request.query_params.dict(), context={"request": request})
            said.is_valid(raise_exception=True)
            return Response(shown(view(self, row, now=timezone.now(), **said.validated_data)).data)

        called.__name__, called.__doc__ = view.__name__, view.__doc__
        QUERIES[view.__name__] = query
        documented = extend_schema(parameters=[query], responses=shown)(called)
        return action(detail=True, url_path=url, pagination_class=None, filterset_class=None)(
            documented
        )

    return decorate


class Answers:
    """Declares the parameters of each answer of a view."""

    action: str

    def known_parameters(self) -> frozenset[str]:
        if query := QUERIES.get(self.action):
            return frozenset(query().fields)
        found: frozenset[str] = super().known_parameters()  # type: ignore[misc] # a view's own
        return found


class MeterAnswers(Answers):
    """What one meter can be asked. Each answer takes a fixed number of queries."""

    @answer("series", SeriesQuery, SeriesSerializer)
    def series(
        self, meter: Meter, *, now: datetime, period: Period, quantity: list[str], **how: Any
    ) -> columns.Series:
        """Quantities as columns for a chart, with completeness, gaps and estimates."""
        return columns.series(
            meter,
            quantity,
            period,
            now=now,
            resolution=how.get("resolution", ""),
            compare="compare" in how,
        )

    @answer("summary", QuantityQuery, SummarySerializer)
    def summary(
        self, meter: Meter, *, now: datetime, period: Period, quantity: str
    ) -> statistics.Summary:
        """Count, mean, deviation, extremes with their instants, percentiles, histogram."""
        return statistics.summary(meter, quantity, period)

    @answer("capability", CapabilityQuery, CapabilitySerializer)
    def capability(
        self, meter: Meter, *, now: datetime, period: Period, quantity: str, **limits: float
    ) -> statistics.Capability:
        """Cp and Cpk against limits that you give. Without limits there is no capability."""
        return statistics.capability(
            meter, quantity, period, lsl=limits.get("lsl"), usl=limits.get("usl")
        )

    @answer("regression", RegressionQuery, RegressionSerializer)
    def regression(
        self, meter: Meter, *, now: datetime, period: Period, x: str, y: str, **how: Any
    ) -> statistics.Regression:
        """How `y` follows `x`, paired by time."""
        return statistics.regression(
            meter, x, y, period, step_s=how["step"], other=how.get("y_meter")
        )

    @answer("demand", DemandQuery, DemandSerializer)
    def demand(
        self, meter: Meter, *, now: datetime, period: Period, distributor: str = ""
    ) -> demands.Demand:
        """Highest and mean 15-minute demand, by posto, in local time."""
        return demands.demand(meter, period, now=now, distributor=distributor)

    @answer("calculated", SpanQuery, CalculatedSerializer)
    def calculated(self, meter: Meter, *, now: datetime, period: Period) -> calculations.Calculated:
        """Apparent power, power factor, means and unbalance, for one phase or three."""
        return calculations.calculated(meter, period)

    @answer("load-duration", SpanQuery, LoadDurationSerializer)
    def load_duration(self, meter: Meter, *, now: datetime, period: Period) -> load.LoadDuration:
        """The load-duration curve and the base load."""
        return load.load_duration(meter, period, now=now)

    @answer("heat-map", SpanQuery, HeatMapSerializer)
    def heat_map(self, meter: Meter, *, now: datetime, period: Period) -> load.HeatMap:
        """When it is used: hour by weekday."""
        return load.heat_map(meter, period)

    @answer("comparison", ComparisonQuery, ComparisonSerializer)
    def comparison(
        self, meter: Meter, *, now: datetime, period: Period, against: str
    ) -> load.Comparison:
        """More or less than before, over the hours known in both."""
        return load.comparison(meter, period, now=now, against=against)

    @answer("baseline", BaselineQuery, BaselineSerializer)
    def baseline(self, meter: Meter, *, now: datetime, days: int) -> baselines.Baseline:
        """What is usual by type of day and hour, and the days that were not."""
        return baselines.baseline(meter, now=now, days=days)

    @answer("forecast", ForecastQuery, ForecastSerializer)
    def forecast(self, meter: Meter, *, now: datetime, days: int) -> forecasts.Forecast:
        """The next days, with a band and the back-test on this meter's own past."""
        return forecasts.forecast(meter, now=now, days=days)


class PointAnswers(Answers):
    """What a metering point can be asked."""

    @answer("voltage-quality", VoltageQuery, VoltageQualitySerializer)
    def voltage_quality(
        self, point: MeteringPoint, *, now: datetime, start: Any, **how: Any
    ) -> voltages.VoltageQuality:
        """DRP and DRC of a week of ten-minute readings (PRODIST Módulo 8)."""
        return voltages.voltage_quality(
            point,
            start,
            now=now,
            nominal_v=how.get("nominal_voltage_v"),
            eusd_cents=how.get("eusd_cents"),
        )
