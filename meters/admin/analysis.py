"""The tab "Analysis" of a meter: load, habits, demand, comparison, forecast, strange days."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from clients.kernel import show, when
from clients.kernel.panels import panel
from clients.kernel.periods import Period
from meters.errors import NotEnoughData
from meters.models import Meter, MeterKind, Reading
from meters.selectors.baseline import Baseline, baseline
from meters.selectors.columns import Line, series
from meters.selectors.demand import Demand, demand
from meters.selectors.forecast import Forecast, forecast
from meters.selectors.load import Comparison, HeatMap, LoadDuration, comparison, heat_map
from meters.selectors.load import load_duration as curve_of
from meters.selectors.places import place_of
from meters.selectors.series import WATER, measure_of

LOOKED_AT: Final = timedelta(days=30)
SHORTEST: Final = timedelta(minutes=2)
LONGEST: Final = timedelta(days=400)
POSTOS: Final = {
    "peak": gettext_lazy("Peak hours"),
    "intermediate": gettext_lazy("Intermediate"),
    "reserved": gettext_lazy("Reserved (irrigation)"),
    "off_peak": gettext_lazy("Off peak"),
}
RULES: Final = {
    "profile": gettext_lazy("median of the same hour in the last four weeks"),
    "naive": gettext_lazy("the same hour a week before"),
}
W_PER_WH_OF_A_QUARTER: Final = 4
FINE: Final = 1_000  # below it, Wh and litres


def newest_of(meter: Meter, now: datetime) -> datetime:
    """Where the analysis ends: now, or where the readings end."""
    rows = Reading.objects.filter(meter_id=meter.pk, measured_at__lte=now)
    newest = rows.order_by("-measured_at").values_list("measured_at", flat=True).first()
    return min(newest + timedelta(minutes=15), now) if newest else now


def tried(question: Callable[[], Any]) -> tuple[Any, str]:
    """The answer, or the sentence that says why there is none."""
    try:
        return question(), ""
    except NotEnoughData as refused:
        return None, str(refused)


@panel(
    Meter,
    "analise",
    title=gettext_lazy("Analysis"),
    template="meters/panels/analysis.html",
    order=5,
    permission="meters.view_meter",
)
def analysis(request: HttpRequest, meter: Meter) -> dict[str, Any]:
    """The last thirty days that have readings."""
    now = newest_of(meter, timezone.now())
    zone = place_of(meter).zone
    period = Period(now - LOOKED_AT, now)
    compared, no_comparison = tried(lambda: comparison(meter, period, now=now))
    heat, no_heat = tried(lambda: heat_map(meter, period))
    usual, no_usual = tried(lambda: baseline(meter, now=now))
    coming, no_forecast = tried(lambda: forecast(meter, now=now))
    is_water = meter.kind == MeterKind.WATER
    load, no_load = (None, "") if is_water else tried(lambda: curve_of(meter, period, now=now))
    called, no_demand = (None, "") if is_water else tried(lambda: demand(meter, period, now=now))
    return {
        "is_water": is_water,
        "span": f"{when.day(period.start.astimezone(zone).date())} – "
        f"{when.day(now.astimezone(zone).date())}",
        "compared": compared,
        "no_comparison": no_comparison,
        "no_load": no_load,
        "load": _load(load) if load else None,
        "no_heat": no_heat,
        "no_demand": no_demand,
        "demand": _demand(called, zone) if called else None,
        "no_forecast": no_forecast,
        "forecast": _forecast(coming) if coming else None,
        "no_usual": no_usual,
        "strange": _strange(usual) if usual else None,
        "data": _data(compared, load, heat, coming),
    }


def _data(
    compared: Comparison | None,
    load: LoadDuration | None,
    heat: HeatMap | None,
    coming: Forecast | None,
) -> dict[str, Any]:
    """What analysis.js draws."""
    return {
        "load": {"watts": load.watts, "base": load.base_w} if load else None,
        "heat": {"unit": heat.unit, "rows": heat.rows, "names": weekdays()} if heat else None,
        "forecast": {
            "unit": coming.unit,
            "names": [when.weekday(day.day) for day in coming.days],
            "v": [day.amount for day in coming.days],
            "low": [day.low for day in coming.days],
            "high": [day.high for day in coming.days],
        }
        if coming
        else None,
    }


def weekdays() -> list[str]:
    return when.WEEKDAYS[show.language()].split()


def _load(found: LoadDuration) -> dict[str, Any]:
    return {
        "base": show.power(found.base_w),
        "base_month": show.energy(found.base_wh_per_month),
        "peak": show.power(found.peak_w),
        "mean": show.power(found.mean_w),
        "factor": show.percent(found.load_factor) if found.load_factor is not None else "—",
        "known": show.part(found.known),
        "rows": [
            (show.percent(place / 100), show.power(found.watts[place]))
            for place in range(0, 101, 5)
        ],
    }


def _demand(found: Demand, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "distributor": found.distributor,
        "rows": [
            {
                "name": POSTOS[row.posto],
                "max": show.power(row.max_w),
                "at": when.moment(row.max_at, zone),
                "mean": show.power(row.mean_w),
                "energy": show.energy(row.energy_wh),
            }
            for row in found.postos
        ],
        "max": show.power(found.max_w),
        "at": when.moment(found.max_at, zone),
        "mean": show.power(found.mean_w),
        "known": show.part(found.known),
        "quarters": show.number(found.quarters),
        "left_out": show.number(found.left_out) if found.left_out else "",
        "sources": found.sources,
        "is_confirmed": found.is_confirmed,
        "to_confirm": ", ".join(when.day(day) for day in found.to_confirm),
    }


def _forecast(found: Forecast) -> dict[str, Any]:
    write = fine_amounts(found.unit)
    test = found.back_test
    return {
        "rule": RULES[found.rule],
        "band": found.band_percent,
        "rows": [
            (when.weekday(day.day), write(day.amount), f"{write(day.low)} – {write(day.high)}")
            for day in found.days
            if day.amount is not None
        ],
        "days": test.days,
        "mae": write(test.mae),
        "naive_mae": write(test.naive_mae),
        "skill": show.percent(test.skill),
        "inside": show.percent(test.inside_band),
        "gave_way": found.rule == "naive",
    }


def _strange(found: Baseline) -> dict[str, Any]:
    return {
        "days": found.days,
        "rows": [(when.weekday(day.day), day.sentence) for day in reversed(found.anomalies)],
    }


def fine_amounts(unit: str) -> Callable[[Any], str]:
    """Amounts of small meters too: `35 Wh` where `0,0 kWh` would say nothing."""
    write, base = (show.volume, "L") if unit == "L" else (show.energy, "Wh")

    def written(value: Any) -> str:
        if value is None:
            return "—"
        if abs(value) >= FINE or not value:
            return write(value)
        return show.measure(value, base, 0 if abs(value) >= 10 else 1)  # noqa: PLR2004

    return written


def load_csv(meter: Meter) -> HttpResponse:
    """The load-duration curve of the tab, for a spreadsheet."""
    now = newest_of(meter, timezone.now())
    found, _why = tried(lambda: curve_of(meter, Period(now - LOOKED_AT, now), now=now))
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{meter.serial}-load.csv"'
    out = csv.writer(response)
    out.writerow(["share_of_time", "watts"])
    for place, watts in enumerate(found.watts if found else []):
        out.writerow([f"{place / 100:.2f}", f"{watts:.1f}"])
    return response


def zoomed(meter: Meter, request: HttpRequest) -> JsonResponse:
    """The stretch that somebody marked on the chart, as fine as it is known."""
    period = asked_period(request)
    if period is None:
        return JsonResponse({"code": "invalid_period"}, status=400)
    measure = measure_of(meter)
    now = timezone.now()
    found = series(meter, [measure.sample], period, now=now, compare=True)
    line, scale = found.lines[0], measure.scale
    if all(v is None for v in line.v) and measure is not WATER:
        name = "energy_export" if meter.kind == MeterKind.SOLAR else "energy_import"
        found = series(meter, [name], period, now=now, compare=True)
        line, scale = found.lines[0], W_PER_WH_OF_A_QUARTER * 900 / (found.step_s or 900)
    return JsonResponse(
        {
            "t": found.t,
            **_scaled(line, scale),
            "marks": [asdict(mark) for mark in found.marks],
            "step": found.step_s,
            "known": found.known,
        }
    )


def _scaled(line: Line, scale: float) -> dict[str, list[float | None] | None]:
    """Sums of a step become the mean power in it; their extremes mean nothing then."""
    is_sum = line.quantity.startswith("energy")
    columns = {"v": line.v, "prev": line.prev}
    columns |= {"low": None, "high": None} if is_sum else {"low": line.low, "high": line.high}
    return {
        name: None
        if column is None
        else [None if v is None else round(v * scale, 3) for v in column]
        for name, column in columns.items()
    }


def asked_period(request: HttpRequest) -> Period | None:
    """From `start` to `end` in Unix seconds, when that is a stretch one can look at."""
    try:
        start, end = (int(request.GET.get(name, "")) for name in ("start", "end"))
        period = Period(
            datetime.fromtimestamp(start, ZoneInfo("UTC")),
            datetime.fromtimestamp(end, ZoneInfo("UTC")),
        )
    except (ValueError, OverflowError, OSError):
        return None
    return period if SHORTEST <= period.duration <= LONGEST else None


def live_value(meter: Meter) -> JsonResponse:
    """The newest power or flow, and how old it is."""
    measure = measure_of(meter)
    rows = Reading.objects.filter(meter_id=meter.pk, **{f"{measure.sample}__isnull": False})
    newest = rows.order_by("-measured_at").values_list("measured_at", measure.sample).first()
    if newest is None:
        return JsonResponse({"at": None})
    at, value = newest
    return JsonResponse(
        {"at": int(at.timestamp()), "v": round(value * measure.scale, 3), "unit": measure.instant}
    )


def first_day(today: date) -> date:
    """A week that is over: the last one before today."""
    return today - timedelta(days=8)
