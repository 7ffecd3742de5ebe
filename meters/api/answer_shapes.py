"""What answers about a meter's data look like, field by field."""

from __future__ import annotations

import math
from typing import Any

from rest_framework import serializers


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
