"""What meters add to the home page: silence that needs a person, and consumption by day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Max, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from clients.kernel import show, when
from clients.kernel.panels import HOME, Figure, card, figures
from clients.kernel.work import Verb, WorkItem, work
from clients.models import Tenant
from meters.models import DayTotal, Meter, MeterKind, Stuck
from meters.selectors import presence
from meters.selectors.places import name_of, with_serving
from meters.selectors.view import next_month

NAMED = 2


@work("meters.change_meter")
def silent(now: datetime) -> list[WorkItem]:
    """Meters that stopped speaking: one line for all of them."""
    serving = with_serving("installations")
    meters: list[Any] = list(presence.silent_meters(now).prefetch_related(serving))
    if not meters:
        return []
    count = len(meters)
    title = ngettext(
        "%(n)d meter has been silent for more than 2 hours",
        "%(n)d meters have been silent for more than 2 hours",
        count,
    ) % {"n": count}
    names = ", ".join(name_of(meter) for meter in meters[:NAMED])
    if count > NAMED:
        names = _("%(names)s and %(n)d more") % {"names": names, "n": count - NAMED}
    last = when.moment(meters[-1].seen_at, now=now)
    detail = _("%(names)s. The last one stopped at %(time)s.") % {"names": names, "time": last}
    link = reverse("admin:meters_meter_changelist")
    verb = Verb(_("See the meters"), f"{link}?o=3")
    return [WorkItem("silent", "critical", "speed", title, detail, meters[-1].seen_at, verb)]


@work("meters.change_meter")
def stuck(now: datetime) -> list[WorkItem]:
    """Meters whose readings cannot be computed: a line each, for each has a reason of its own."""
    rows = Stuck.objects.select_related("meter").order_by("since")
    return [
        WorkItem(
            f"stuck-{row.meter.public_id}",
            "critical",
            "speed",
            _("The use of %(meter)s cannot be computed") % {"meter": name_of(row.meter)},
            _(
                "Its readings are kept and tried again every hour. Look for an impossible value "
                "among its settings, readings and edits: %(error)s"
            )
            % {"error": row.error},
            row.since,
            Verb(
                _("See the meter"), reverse("admin:meters_meter_change", args=[row.meter.public_id])
            ),
        )
        for row in rows.prefetch_related(with_serving("meter__installations"))
    ]


def shown_month(today: date) -> date | None:
    """This month when anything was counted in it, else the newest month with data."""
    newest = DayTotal.objects.aggregate(newest=Max("day"))["newest"]
    return min(newest, today).replace(day=1) if newest else None


def day_sums(first: date, after: date) -> dict[date, dict[str, Any]]:
    rows = DayTotal.objects.filter(day__gte=first, day__lt=after).order_by().values("day")
    summed = rows.annotate(
        ws=Sum("energy_import_ws"),
        ml=Sum("volume_ml"),
        out=Sum("energy_export_ws"),
        known=Sum("seconds_covered"),
        expected=Sum("seconds_expected"),
        estimated=Sum("seconds_estimated"),
    )
    return {row["day"]: dict(row) for row in summed}


@figures(HOME, order=30, permission="meters.view_meter")
def consumption(request: HttpRequest, tenant: Tenant) -> list[Figure]:
    """What was measured this month, against the same days of the month before."""
    today = timezone.localdate(timezone=tenant.zone)
    first = shown_month(today)
    if first is None:
        return []
    days = day_sums(first, next_month(first))
    newest = max(days)
    column, unit, divisor = measured_most(days)
    before_first = (first - timedelta(days=1)).replace(day=1)
    before = day_sums(before_first, before_first + timedelta(days=newest.day))
    then, now = total(before, column), total(days, column)
    came = total(days, "known") - total(days, "estimated")
    known = came / (total(days, "expected") or 1)
    change = (now - then) / then if then else None
    note = _("than in %(month)s until day %(day)d") % {
        "month": when.long_month(before_first),
        "day": newest.day,
    }
    return [
        Figure(
            _("Measured in %(month)s") % {"month": month_name(first, today)},
            (show.volume if unit == "volume" else show.energy)(now / divisor),
            _("%(share)s of the data came") % {"share": show.part(known)},
            reverse("admin:meters_meter_changelist"),
            change,
            note,
        )
    ]


# Of each kind of meter: the sum that matters, its unit, and how many of it make a litre or a Wh.
MEASURES: Final = {
    MeterKind.ENERGY: ("ws", "energy", 3_600),
    MeterKind.WATER: ("ml", "volume", 1_000),
    MeterKind.SOLAR: ("out", "energy", 3_600),
}


def measured_most(days: dict[date, dict[str, Any]]) -> tuple[str, str, int]:
    """What most of the serving meters measure, of that of which something was measured."""
    serving = Meter.objects.filter(
        is_active=True, installations__isnull=False, installations__ends_at__isnull=True
    )
    counts = dict(serving.order_by().values_list("kind").annotate(n=Count("id")))
    ranked = sorted(MEASURES, key=lambda kind: -counts.get(kind, 0))
    known = [MEASURES[kind] for kind in ranked if total(days, MEASURES[kind][0])]
    return known[0] if known else MEASURES[ranked[0]]


def total(days: dict[date, dict[str, Any]], column: str) -> int:
    return sum(row[column] or 0 for row in days.values())


def month_name(first: date, today: date) -> str:
    return when.long_month(first) if first.year == today.year else when.month(first)


@card(
    HOME,
    "use",
    title=gettext_lazy("Measured, day by day"),
    template="meters/panels/home_use.html",
    order=30,
    permission="meters.view_meter",
)
def use(request: HttpRequest, tenant: Tenant) -> dict[str, Any]:
    today = timezone.localdate(timezone=tenant.zone)
    first = shown_month(today)
    if first is None:
        return {"chart": None}
    after = next_month(first)
    sums = day_sums(first, after)
    days = [first + timedelta(days=n) for n in range((after - first).days)]
    column, unit, divisor = measured_most(sums)
    values = [sums[day][column] if day in sums else None for day in days]
    chart = {
        "unit": unit,
        "days": [when.day(day) for day in days],
        "v": [None if value is None else value / divisor for value in values],
        "estimated": [i for i, day in enumerate(days) if day in sums and sums[day]["estimated"]],
        "growing": days.index(today) if today in days else None,
    }
    return {"chart": chart, "month": month_name(first, today)}
