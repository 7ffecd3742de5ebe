"""What meters answer: series, statistics, demand, load, forecast, and the voltage of points."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clients.kernel.api_fields import StrictSerializer
from clients.kernel.periods import Period
from meters.api.answer_shapes import (
    BaselineSerializer,
    CalculatedSerializer,
    CapabilitySerializer,
    ComparisonSerializer,
    DemandSerializer,
    ForecastSerializer,
    HeatMapSerializer,
    LoadDurationSerializer,
    RegressionSerializer,
    SeriesSerializer,
    SummarySerializer,
    VoltageQualitySerializer,
)
from meters.api.questions import (
    BaselineQuery,
    CapabilityQuery,
    ComparisonQuery,
    DemandQuery,
    ForecastQuery,
    QuantityQuery,
    RegressionQuery,
    SeriesQuery,
    SpanQuery,
    VoltageQuery,
    parameters_of,
)
from meters.models import Meter, MeteringPoint
from meters.selectors import baseline as baselines
from meters.selectors import calculated as calculations
from meters.selectors import columns, load, statistics
from meters.selectors import demand as demands
from meters.selectors import forecast as forecasts
from meters.selectors import voltage as voltages

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
        routed = action(detail=True, url_path=url, pagination_class=None, filterset_class=None)
        # The document last: `action` begins a function's notes anew.
        return extend_schema(parameters=parameters_of(query), responses=shown)(routed(called))

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
