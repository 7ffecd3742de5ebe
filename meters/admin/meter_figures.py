"""The view that a meter's page was asked for, and its figures in words."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clients.kernel import show, when
from clients.kernel.panels import Figure
from meters.models import Meter
from meters.selectors import series
from meters.selectors.series import WATER, Summary
from meters.selectors.view import Drawing, MeterPeriod, View, amounts

VIEW_NAMES = {
    "day": gettext_lazy("Day"),
    "week": gettext_lazy("Week"),
    "month": gettext_lazy("Month"),
    "year": gettext_lazy("Year"),
}
COMPLETE = 0.999


def zone_name(request: Any, zone: ZoneInfo, at: datetime) -> str:
    """`horário de Paris (UTC+1)`, said when it is not the company's own."""
    if zone.key == request.tenant.time_zone:
        return ""
    offset = zone.utcoffset(at)
    hours = offset.total_seconds() / 3600 if offset else 0
    sign = show.MINUS if hours < 0 else "+"
    city = zone.key.rpartition("/")[2].replace("_", " ")
    return _("%(city)s time (UTC%(offset)s)") % {"city": city, "offset": f"{sign}{abs(hours):g}"}


FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(2199, 12, 31)  # what an address may ask for


def asked_view(request: HttpRequest, meter: Meter, zone: ZoneInfo) -> View:
    """The view in the address; without one, the newest day that has readings."""
    name = request.GET.get("view", "day")
    try:
        on = date.fromisoformat(request.GET.get("on", ""))
    except ValueError:
        on = series.newest_day(meter, zone) or timezone.localdate(timezone=zone)
    return View(name if name in VIEW_NAMES else "day", min(max(on, FIRST_DAY), LAST_DAY))


def starts_of(view: View) -> list[date]:
    """When each bar of the view begins, and the last one ends; nothing for hours."""
    if view.name == "day":
        return []
    days = [*view.days, view.after]
    return [day for day in days if day.day == 1] if view.name == "year" else days


def period_of(meter: Any, drawing: Drawing, zone: ZoneInfo) -> MeterPeriod:
    point = meter.serving[0].metering_point if meter.serving else None
    return MeterPeriod(meter, point, drawing.view.period(zone), drawing.summary.amount)


def own_figures(drawing: Drawing, zone: ZoneInfo) -> list[Figure]:
    """Amount with its completeness, peak with the base load, comparison over the same hours."""
    write, summary = amounts(drawing.measure), drawing.summary
    is_water = drawing.measure is WATER
    known = _("%(share)s of the data") % {"share": show.percent(min(summary.known, 1))}
    names = {"volume": _("Volume"), "energy": _("Energy")}
    amount = write(summary.amount) if summary.amount is not None else "—"
    found = [Figure(names[drawing.measure.unit], amount, known)]
    if summary.peak is not None and drawing.view.name == "day":
        peak = f"{show.number(summary.peak)} L/h" if is_water else show.power(summary.peak)
        base = (
            f"{show.number(summary.base or 0)} L/h" if is_water else show.power(summary.base or 0)
        )
        at = datetime.fromtimestamp(summary.peak_at or 0, zone)
        note = _("at %(time)s · always on: %(base)s") % {"time": f"{at:%H:%M}", "base": base}
        found.append(Figure(_("Peak"), peak, note))
    elif summary.peak is not None:
        found.append(Figure(_("Highest"), write(summary.peak)))
    found.append(comparison(summary, drawing.view))
    return found


def comparison(summary: Summary, view: View) -> Figure:
    notes = {
        "day": _("than the day before, in the same hours"),
        "week": _("than the week before, on the same days"),
        "month": _("than the month before, on the same days"),
        "year": _("than the year before, in the same months"),
    }
    if summary.same_hours is None:
        return Figure(_("Comparison"), "—", _("nothing to compare with"))
    share = {"share": show.percent(abs(summary.same_hours))}
    more, less = _("▲ %(share)s more") % share, _("▼ %(share)s less") % share
    text = more if summary.same_hours > 0 else less
    return Figure(_("Comparison"), text, notes[view.name])


def missing_words(summary: Summary, zone: ZoneInfo) -> tuple[str, str] | None:
    """How much is missing, and when: `1 h 45 min`, `11:20 às 13:05`."""
    if not summary.missing or summary.known >= COMPLETE:
        return None
    whole = sum((hole.duration for hole in summary.missing), start=summary.missing[0].duration * 0)
    spans = [when.span(hole.start, hole.end, zone) for hole in summary.missing[:3]]
    more = len(summary.missing) - len(spans)
    if more > 0:
        spans.append(_("and %(n)d more") % {"n": more})
    return when.duration(whole), ", ".join(spans)
