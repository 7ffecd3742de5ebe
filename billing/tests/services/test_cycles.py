from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import BadPeriod
from billing.models import Plan, Subscription
from billing.services.cycles import check_period, due_date, span_of
from billing.testing import JANUARY, SAO_PAULO
from clients.kernel.periods import Period, day_of, day_start, month_of

LONDON = ZoneInfo("Europe/London")
FORMER_SAO_PAULO_CHANGE = date(2018, 11, 4)  # midnight did not exist


def subscribed(**fields: object) -> Subscription:
    return Subscription(**{"starts_on": date(2000, 1, 1), "plan": Plan(due_days=10), **fields})


def test_a_calendar_month_is_billed_whole() -> None:
    span = span_of(subscribed(), JANUARY, SAO_PAULO)

    assert span is not None
    assert (span.period, span.days, span.cycle_days) == (JANUARY, 31, 31)


def test_service_that_begins_or_ends_within_is_billed_in_part() -> None:
    late = subscribed(starts_on=date(2026, 1, 22))
    early = subscribed(ends_on=date(2026, 1, 11))

    assert [span_of(one, JANUARY, SAO_PAULO).days for one in (late, early)] == [10, 10]  # type: ignore[union-attr]


@pytest.mark.parametrize("fields", [{"starts_on": date(2026, 2, 1)}, {"ends_on": date(2026, 1, 1)}])
def test_without_service_there_is_nothing_to_bill(fields: dict[str, date]) -> None:
    assert span_of(subscribed(**fields), JANUARY, SAO_PAULO) is None


def test_an_anchor_of_31_is_remembered_through_february() -> None:
    anchored = subscribed(anchor_day=31)
    months = [month_of(date(2026, month, 1), SAO_PAULO) for month in (1, 2, 3)]

    spans = [span_of(anchored, month, SAO_PAULO) for month in months]

    starts = [span.period.start.astimezone(SAO_PAULO).date() for span in spans if span]
    assert starts == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]


@given(
    anchor=st.integers(1, 31),
    first=st.dates(date(2010, 1, 1), date(2026, 1, 1)),
    zone=st.sampled_from([SAO_PAULO, LONDON, ZoneInfo("Asia/Kathmandu")]),
)
def test_cycles_of_following_months_tile_without_gap(
    anchor: int, first: date, zone: ZoneInfo
) -> None:
    one, following = first.replace(day=1), first.replace(day=1) + timedelta(days=32)

    this = span_of(subscribed(anchor_day=anchor), month_of(one, zone), zone)
    other = span_of(subscribed(anchor_day=anchor), month_of(following, zone), zone)

    assert this is not None
    assert other is not None
    assert this.period.end == other.period.start
    assert this.days == this.cycle_days == len(list(this.period.days(zone)))


@pytest.mark.parametrize(
    ("month", "hours"), [(date(2026, 3, 1), 31 * 24 - 1), (date(2026, 10, 1), 31 * 24 + 1)]
)
def test_a_month_in_which_clocks_change_has_an_hour_less_or_more(month: date, hours: int) -> None:
    span = span_of(subscribed(), month_of(month, LONDON), LONDON)

    assert span is not None
    assert (span.period.duration, span.days) == (timedelta(hours=hours), 31)


def test_a_day_without_midnight_is_a_day() -> None:
    check_period(day_of(FORMER_SAO_PAULO_CHANGE, SAO_PAULO), SAO_PAULO)

    span = span_of(subscribed(), day_of(FORMER_SAO_PAULO_CHANGE, SAO_PAULO), SAO_PAULO)

    assert span is not None
    assert (span.period.duration, span.days, span.cycle_days) == (timedelta(hours=23), 1, 30)


@pytest.mark.parametrize(
    "period",
    [
        Period(JANUARY.start + timedelta(hours=1), JANUARY.end),
        Period(JANUARY.start, day_start(date(2026, 2, 2), SAO_PAULO)),
        Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
    ],
)
def test_odd_periods_are_refused(period: Period) -> None:
    with pytest.raises(BadPeriod):
        check_period(period, SAO_PAULO)


@pytest.mark.parametrize(
    ("due_day", "issued", "due"),
    [
        (None, date(2026, 2, 1), date(2026, 2, 11)),
        (15, date(2026, 2, 1), date(2026, 2, 15)),
        (11, date(2026, 2, 1), date(2026, 2, 11)),
        (10, date(2026, 2, 1), date(2026, 3, 10)),
        (31, date(2026, 2, 1), date(2026, 2, 28)),
        (31, date(2026, 1, 31), date(2026, 2, 28)),
    ],
)
def test_due_day_leaves_the_days_to_pay(due_day: int | None, issued: date, due: date) -> None:
    assert due_date(subscribed(due_day=due_day), issued) == due
