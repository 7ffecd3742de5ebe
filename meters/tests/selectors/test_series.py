from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from clients.kernel.charts import Mark
from clients.kernel.periods import day_of
from meters.selectors.series import aligned, beside, gaps, on_the_day, usual_step
from meters.selectors.view import View

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
DAY = day_of(date(2026, 11, 24), SAO_PAULO)
START = int(DAY.start.timestamp())
MINUTE = 60
END = int(DAY.end.timestamp())


def minutes(first: int, after: int) -> list[tuple[int, float]]:
    return [(START + minute * MINUTE, 100.0) for minute in range(first, after)]


def test_line_does_not_cross_a_gap() -> None:
    rows = minutes(0, 60) + minutes(165, 1440)

    t, v = on_the_day(rows, MINUTE, 1, DAY)

    assert len(t) == 1440
    assert v[59] == 100.0
    assert v[60:165] == [None] * 105
    assert gaps(t, v, MINUTE, END) == [Mark(START + 3600, START + 165 * MINUTE, "missing")]


def test_time_that_has_not_come_is_no_gap() -> None:
    now = START + 600 * MINUTE

    t, v = on_the_day(minutes(0, 600), MINUTE, 1, DAY)

    assert t[-1] > now
    assert gaps(t, v, MINUTE, now) == []


def test_silence_until_now_is_a_gap_that_ends_now() -> None:
    now = START + 600 * MINUTE

    t, v = on_the_day(minutes(0, 500), MINUTE, 1, DAY)

    assert gaps(t, v, MINUTE, now) == [Mark(START + 500 * MINUTE, now, "missing")]


def test_day_before_is_laid_under_the_same_time_of_day() -> None:
    before = [(START - 86_400 + minute * MINUTE, float(minute)) for minute in range(1440)]

    laid = aligned([START, START + 90, START + 3600], before, 86_400, MINUTE, 1)

    assert laid == [0.0, 1.0, 60.0]


def test_a_stretch_is_missing_or_filled_and_never_both() -> None:
    holes = [Mark(0, 100, "missing"), Mark(200, 300, "missing")]
    filled = [Mark(20, 60, "estimated"), Mark(190, 310, "edited", "Ana")]

    assert beside(holes, filled) == [Mark(0, 20, "missing"), Mark(60, 100, "missing")]


def test_step_is_the_usual_one_even_with_gaps() -> None:
    assert usual_step([0, 60, 120, 9_000, 9_060], 900) == 60
    assert usual_step([0], 900) == 900


@pytest.mark.parametrize(
    ("name", "first", "after"),
    [
        ("day", date(2026, 3, 31), date(2026, 4, 1)),
        ("week", date(2026, 3, 30), date(2026, 4, 6)),
        ("month", date(2026, 3, 1), date(2026, 4, 1)),
        ("year", date(2026, 1, 1), date(2027, 1, 1)),
    ],
)
def test_view_covers_whole_days_and_its_neighbours_touch_it(
    name: str, first: date, after: date
) -> None:
    view = View(name, date(2026, 3, 31))

    assert (view.first, view.after) == (first, after)
    assert view.before.after == view.first
    assert view.following.first == view.after


def test_day_with_a_clock_change_has_its_own_length() -> None:
    paris = ZoneInfo("Europe/Paris")

    assert View("day", date(2026, 3, 29)).period(paris).duration == timedelta(hours=23)
    assert View("day", date(2026, 10, 25)).period(paris).duration == timedelta(hours=25)
    assert View("day", date(2026, 3, 29)).period(paris).start == datetime(
        2026, 3, 28, 23, tzinfo=UTC
    )
