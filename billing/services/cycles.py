"""Which time an invoice covers: cycles from an anchor day, cut to the days of service."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from billing.errors import BadPeriod
from billing.models import Subscription
from clients.kernel.periods import Period, day_start, month_of


@dataclass(frozen=True, slots=True)
class Span:
    """The days that one invoice covers, out of the days of their whole cycle."""

    period: Period
    days: int
    cycle_days: int


def day_in(year: int, month: int, day: int) -> date:
    """That day of the month, or the month's last: an anchor of 31 is remembered, not lost."""
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def month_after(day: date, wanted: int) -> date:
    """The `wanted` day of the month after the one that holds `day`."""
    following = day.replace(day=1) + timedelta(days=32)
    return day_in(following.year, following.month, wanted)


def check_period(period: Period, zone: ZoneInfo) -> None:
    """Refuse a period that does not begin and end with a local day, or exceeds a month."""
    first, last = period.start.astimezone(zone).date(), period.end.astimezone(zone).date()
    if period != Period(day_start(first, zone), day_start(last, zone)):
        raise BadPeriod(_("A billing period begins and ends at midnight, local time."))
    if last > month_after(first, first.day):
        raise BadPeriod(_("A billing period is at most one month."))


def span_of(subscription: Subscription, period: Period, zone: ZoneInfo) -> Span | None:
    """What to bill in a run over `period`, or None when there is no day of service in it.

    A calendar month stands for the cycles that begin in it. A shorter period is taken as it is, in
    proportion to the cycle that it begins in.
    """
    first = period.start.astimezone(zone).date()
    if period == month_of(first, zone):
        begin = day_in(first.year, first.month, subscription.anchor_day)
        end = month_after(begin, subscription.anchor_day)
        cycle_days = (end - begin).days
    else:
        cycle_days = _cycle_days(first, subscription.anchor_day)
        begin, end = first, period.end.astimezone(zone).date()
    begin = max(begin, subscription.starts_on)
    end = min(end, subscription.ends_on or end)
    if begin >= end:
        return None
    return Span(
        Period(day_start(begin, zone), day_start(end, zone)), (end - begin).days, cycle_days
    )


def _cycle_days(day: date, anchor: int) -> int:
    begin = day_in(day.year, day.month, anchor)
    if begin > day:
        last_month = day.replace(day=1) - timedelta(days=1)
        begin = day_in(last_month.year, last_month.month, anchor)
    return (month_after(begin, anchor) - begin).days


def due_date(subscription: Subscription, issued_on: date) -> date:
    """The first due day that leaves at least the plan's days to pay."""
    earliest = issued_on + timedelta(days=subscription.plan.due_days)
    if subscription.due_day is None:
        return earliest
    due = day_in(earliest.year, earliest.month, subscription.due_day)
    return due if due >= earliest else month_after(earliest, subscription.due_day)
