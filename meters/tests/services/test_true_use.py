"""What really flowed is what intervals, days and months say: for ever, however readings come."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients.kernel.periods import Period, day_start
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.models import DayTotal, EventKind, Interval, Meter, RegisterEvent
from meters.selectors.energy import metered_energy
from meters.services.installations import change_multiplier, exchange_meter, install_meter
from meters.services.intervals import recompute_all_touched
from meters.services.touching import touch
from meters.testing import keep_readings, make_meter, make_metering_point, make_site
from meters.tests.physics import (
    DAY_S,
    HOUR_S,
    MOST_IN_SLOT,
    MOST_W,
    SLOT_S,
    History,
    Load,
    Register,
    Trouble,
    instants,
    loads,
    registers,
    troubles,
    witness,
)

DAYS: Final = 7
WS_PER_WH: Final = 3_600
BEFORE: Final = timedelta(days=2)
# Where clocks stay as they are, skip an hour, and show one twice: on the fourth day.
PLACES: Final = (
    ("America/Sao_Paulo", datetime(2026, 3, 10, tzinfo=UTC)),
    ("Europe/Lisbon", datetime(2026, 3, 26, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 10, 29, tzinfo=UTC)),
)


@dataclass(frozen=True, slots=True)
class Life:
    """A metering point's week: one meter, or what changed at an instant in the middle."""

    zone: str
    start: datetime
    change: str  # "", "exchange" or "ratio"
    changed: int
    multipliers: tuple[int, int]
    parts: tuple[History, ...]  # before the change and after it

    def at(self, second: int) -> datetime:
        return self.start + timedelta(seconds=second)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    zone, start = draw(st.sampled_from(PLACES))
    change = draw(st.sampled_from(["", "exchange", "ratio"]))
    is_steady = change != "ratio" and draw(st.booleans())
    load = draw(loads(DAYS, is_steady=is_steady))
    seconds = draw(instants(DAYS))
    trouble = EventKind.SCALE if is_steady else EventKind.RESET
    what = draw(troubles(DAYS, [EventKind.DIP, EventKind.SPIKE, trouble]))
    changed = 3 * DAY_S + 12 * HOUR_S + draw(st.integers(0, 8 * HOUR_S))
    multipliers = draw(st.sampled_from([(1, 1), (1, 20), (40, 1), (40, 20)])) if change else (1, 1)
    parts = draw(_parts(load, seconds, what, change, changed, is_steady=is_steady))
    return Life(zone, start, change, changed, multipliers, parts)


@st.composite
def _parts(
    draw: st.DrawFn,
    load: Load,
    seconds: list[int],
    what: list[Trouble],
    change: str,
    changed: int,
    *,
    is_steady: bool,
) -> tuple[History, ...]:
    register = draw(registers(load))
    other = draw(registers(load))
    if is_steady:
        register = other = Register(start=draw(st.integers(10**9, 2 * 10**9)))
    if not change:
        return (witness(load, register, seconds, what),)
    early = [second for second in seconds if second < changed]
    late = [second for second in seconds if second > changed]
    if change == "ratio":
        whole = witness(load, register, [*early, changed, *late], what)
        return whole.until(changed), whole.since(changed)
    return (
        witness(load, register, [*early, changed], [t for t in what if t.starts < changed]),
        witness(
            load,
            other,
            [changed, *late],
            [t for t in what if t.starts > changed],
            since=changed,
        ),
    )


class Site:
    """The life, lived again on meters of its own."""

    def __init__(self, tenant: Tenant, life: Life) -> None:
        self.tenant, self.life = tenant, life
        with acting_for(tenant.pk):
            site = make_site(tenant=tenant, time_zone=life.zone)
            self.point = make_metering_point(tenant=tenant, site=site)
            meter = self._make_meter(life.parts[0])
            self.meters = [meter]
            if life.change:
                self.meters.append(
                    self._make_meter(life.parts[1]) if life.change == "exchange" else meter
                )
            self.first = install_meter(
                meter,
                self.point,
                at=life.at(0) - BEFORE,
                multiplier=Decimal(life.multipliers[0]),
            )

    def _make_meter(self, part: History) -> Meter:
        register = part.register
        return make_meter(
            tenant=self.tenant,
            digits=register.digits,
            register_step=register.step,
            max_power_w=MOST_W,
        )

    def readings(self) -> list[tuple[int, int, int]]:
        """Which meter, when and what: without what was read off at the change."""
        return [
            (place, second, value)
            for place, part in enumerate(self.life.parts)
            for second, value in zip(part.seconds, part.values, strict=True)
            if not self.life.change or second != self.life.changed
        ]

    def hear(self, readings: Sequence[tuple[int, int, int]]) -> None:
        by_meter = defaultdict(list)
        for place, second, value in readings:
            by_meter[self.meters[place]].append(
                {"measured_at": self.life.at(second), "energy_import_wh": value}
            )
        for meter, rows in by_meter.items():
            keep_readings(meter, rows, now=self.life.at(DAYS * DAY_S))

    def compute(self) -> None:
        recompute_all_touched(self.tenant.pk)

    def change(self) -> None:
        """Have somebody write down what was done in the middle."""
        life = self.life
        if not life.change:
            return
        at, after = life.at(life.changed), Decimal(life.multipliers[1])
        last, first = life.parts[0].values[-1], life.parts[1].values[0]
        with acting_for(self.tenant.pk):
            if life.change == "ratio":
                change_multiplier(self.first, after, at=at, register=last)
            else:
                exchange_meter(
                    self.point,
                    self.meters[1],
                    at=at,
                    end_register=last,
                    start_register=first,
                    multiplier=after,
                )

    def touch(self, starts: int, ends: int) -> None:
        at = self.life.at
        with acting_for(self.tenant.pk):
            touch([(meter.pk, at(starts), at(ends)) for meter in self.meters])


@dataclass(frozen=True, slots=True)
class Told:
    """All that is told of a site's meters, each by its place."""

    intervals: tuple[Any, ...]
    days: tuple[Any, ...]
    events: tuple[Any, ...]
    energy_wh: int
    evidence: tuple[Any, ...]


def local_days(life: Life) -> Period:
    zone = ZoneInfo(life.zone)
    first, last = life.at(0).astimezone(zone).date(), life.at(DAYS * DAY_S).astimezone(zone).date()
    return Period(day_start(first, zone), day_start(last + timedelta(days=1), zone))


def told(site: Site) -> Told:
    intervals, days, events = [], [], []
    with acting_for(site.tenant.pk):
        for meter in dict.fromkeys(site.meters):
            place = site.meters.index(meter)
            rows = Interval.objects.filter(meter=meter).order_by("starts_at")
            intervals += [
                (place, *row)
                for row in rows.values_list(
                    "starts_at", "energy_import_ws", "quality", "rule", "seconds_covered"
                )
            ]
            totals = DayTotal.objects.filter(meter=meter).order_by("day")
            days += [
                (place, *row)
                for row in totals.values_list(
                    "day", "energy_import_ws", "seconds_covered", "seconds_expected"
                )
            ]
            found = RegisterEvent.objects.filter(meter=meter).exclude(register="")
            events += [
                (place, *row)
                for row in found.order_by("starts_at").values_list(
                    "kind", "starts_at", "ends_at", "offset", "factor"
                )
            ]
        energy = metered_energy([site.point.pk], local_days(site.life))[site.point.pk]
    evidence = tuple(
        (part["first_at"], part["first_wh"], part["last_at"], part["last_wh"])
        for part in energy.evidence["meters"]
    )
    return Told(tuple(intervals), tuple(days), tuple(events), energy.energy_wh, evidence)


def live(tenant: Tenant, life: Life) -> Site:
    """Everything in order, computed once."""
    site = Site(tenant, life)
    site.change()
    site.hear(site.readings())
    site.compute()
    return site


@st.composite
def batches(draw: st.DrawFn, count: int) -> list[list[int]]:
    """The places of so many readings in any order, some of them twice, in batches."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    places = [*range(count), *chance.choices(range(count), k=draw(st.integers(0, 20)))]
    cuts = sorted(draw(st.lists(st.integers(0, len(places)), max_size=4)))
    if draw(st.booleans()):
        chance.shuffle(places)
    else:
        places.sort()
    pieces = [places[a:b] for a, b in zip([0, *cuts], [*cuts, len(places)], strict=True)]
    chance.shuffle(pieces)
    return pieces


SLOW: Final = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.commits
@SLOW
@given(life=lives())
def test_intervals_days_and_bills_add_up_to_what_really_flowed(acacia: Tenant, life: Life) -> None:
    site = live(acacia, life)

    found = told(site)

    expected = Decimal(0)
    for place, part in enumerate(life.parts):
        multiplier, is_shared = life.multipliers[place], life.change == "ratio"
        expected += Decimal(part.used.numerator) / part.used.denominator * multiplier
        if not is_shared:
            counted = sum(row[2] for row in found.intervals if row[0] == place)
            flowed = part.used * multiplier * WS_PER_WH
            assert abs(counted - flowed) <= part.tolerance * multiplier * WS_PER_WH
    tolerance = sum(
        part.tolerance * multiplier
        for part, multiplier in zip(life.parts, life.multipliers, strict=False)
    )
    assert abs(found.energy_wh - expected) <= tolerance + 1
    most_wh = (MOST_IN_SLOT + tolerance) * max(life.multipliers)
    assert all(0 <= row[2] <= most_wh * WS_PER_WH for row in found.intervals)
    assert [(event[0], event[1]) for event in found.events] == [
        (place if life.change == "exchange" else 0, e.kind)
        for place, part in enumerate(life.parts)
        for e in part.explanations
    ]


@pytest.mark.commits
@SLOW
@given(life=lives())
def test_days_are_the_sums_of_their_intervals_where_clocks_change(
    acacia: Tenant, life: Life
) -> None:
    site, zone = live(acacia, life), ZoneInfo(life.zone)

    found = told(site)

    days: dict[tuple[int, date], list[int]] = defaultdict(lambda: [0, 0])
    for place, starts_at, energy, _, _, seconds in found.intervals:
        day = days[place, starts_at.astimezone(zone).date()]
        day[0] += energy
        day[1] += seconds
    assert [row[:4] for row in found.days] == [
        (place, day, *sums) for (place, day), sums in sorted(days.items())
    ]
    for _, day, _, _, expected in found.days:
        length = day_start(day + timedelta(days=1), zone) - day_start(day, zone)
        assert expected == length.total_seconds()
    total = sum(row[2] for row in found.days)
    assert abs(found.energy_wh * WS_PER_WH - total) <= WS_PER_WH // 2


@pytest.mark.commits
@SLOW
@given(life=lives(), data=st.data())
def test_any_order_split_and_moment_tells_the_same(
    acacia: Tenant, life: Life, data: st.DataObject
) -> None:
    orderly, chaotic = live(acacia, life), Site(acacia, life)
    readings = chaotic.readings()
    pieces = data.draw(batches(len(readings)))
    when_changed = data.draw(st.integers(0, len(pieces)))

    for place, piece in enumerate([*pieces, []]):
        if place == when_changed:
            chaotic.change()
        chaotic.hear([readings[place] for place in piece])
        if data.draw(st.booleans()):
            chaotic.compute()
    chaotic.compute()

    assert told(chaotic) == told(orderly)


@pytest.mark.commits
@SLOW
@given(life=lives(), data=st.data())
def test_computing_any_part_again_changes_nothing(
    acacia: Tenant, life: Life, data: st.DataObject
) -> None:
    site = live(acacia, life)
    before = told(site)
    starts = data.draw(st.integers(0, DAYS * DAY_S - SLOT_S))

    site.touch(starts, starts + data.draw(st.integers(1, DAY_S)))
    site.compute()

    assert told(site) == before
