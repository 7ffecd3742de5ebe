"""Alarms on stored readings: in order, late, twice, and over restarts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients.kernel.tenancy import Actor, acting_as, acting_for
from clients.models import Tenant
from clients.testing import make_client, make_user
from meters.models import AlarmEvent, AlarmProgress, AlarmRule, Meter, Reading
from meters.selectors.alarm_machine import Condition, Memory, Raised, run
from meters.services.alarm_events import acknowledge, raise_event
from meters.services.alarm_rules import save_rule, switch_rule
from meters.services.alarms import follow, follow_all
from meters.services.intervals import recompute_all_touched
from meters.services.offline import tenants_to_watch, watch_silence
from meters.testing import (
    keep_readings,
    make_alarm_rule,
    make_meter,
    make_metering_point,
    make_site,
    register_rows,
)

pytestmark = pytest.mark.commits
START = datetime(2026, 3, 10, 12, tzinfo=UTC)
NOW = START + timedelta(hours=6)
MINUTE = timedelta(minutes=1)
SILENCE: dict[str, Any] = {
    "kind": "offline",
    "metric": "",
    "operator": "",
    "threshold": None,
    "for_seconds": 600,
}


def new_meter(tenant: Tenant, **fields: Any) -> Meter:
    with acting_for(tenant.pk):
        point = make_metering_point(tenant=tenant)
        return make_meter(tenant=tenant, metering_point=point, sample_seconds=120, **fields)


def new_rule(tenant: Tenant, **fields: Any) -> AlarmRule:
    with acting_for(tenant.pk):
        return make_alarm_rule(tenant=tenant, **fields)


def say(
    meter: Meter, volts: dict[int, float], *, now: datetime = NOW, metric: str = "voltage_l1_v"
) -> None:
    """Samples by minute after START, judged."""
    rows = [{"measured_at": START + MINUTE * m, metric: volt} for m, volt in volts.items()]
    keep_readings(meter, rows, now=now)
    recompute_all_touched(meter.tenant_id)
    follow_all(meter.tenant_id, now=now)


def minute_of(instant: datetime | None) -> float | None:
    return None if instant is None else (instant - START) / MINUTE


def events(tenant: Tenant) -> list[tuple[float | None, float | None, float | None, str]]:
    """(raised minute, cleared minute, extreme, state) of each, oldest first."""
    with acting_for(tenant.pk):
        return [
            (minute_of(e.raised_at), minute_of(e.cleared_at), e.extreme_value, e.state)
            for e in AlarmEvent.objects.order_by("raised_at", "pk")
        ]


def test_a_rule_rings_once_and_ends(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia, for_seconds=120)

    say(meter, {0: 220, 1: 197, 2: 196, 3: 195})
    assert events(acacia) == [(3, None, 195, "raised")]

    say(meter, {4: 190, 5: 197})
    say(meter, {6: 221})

    assert events(acacia) == [(3, 6, 190, "cleared")]
    with acting_for(acacia.pk):
        event = AlarmEvent.objects.get()
        assert (event.value, event.value_at_clear, event.clear_reason) == (195, 221, "value")
        assert (event.metric, event.operator, event.threshold) == ("voltage_l1_v", "<", 198)
        assert minute_of(event.since_at) == 1


def test_a_duration_goes_on_after_a_restart(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia, for_seconds=180)

    for minute in range(5):  # each call has nothing but the database
        say(meter, {minute: 190})

    assert events(acacia) == [(3, None, 190, "raised")]


def test_the_same_readings_again_change_nothing(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia)
    volts = {0: 220.0, 1: 190.0, 2: 220.0, 20: 190.0}

    say(meter, volts)
    before = events(acacia)
    say(meter, volts)

    assert before == [(1, 2, 190, "cleared"), (20, None, 190, "raised")]
    assert events(acacia) == before


def test_late_data_rings_with_its_own_time_and_says_how_late(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia)
    say(meter, {0: 220, 60: 220})

    say(meter, {10: 180, 11: 185, 12: 220})

    assert events(acacia) == [(10, 12, 180, "cleared")]
    with acting_for(acacia.pk):
        event = AlarmEvent.objects.get()
        assert event.heard_at == NOW
        assert event.late_by == NOW - (START + 10 * MINUTE)


def test_what_is_fresh_is_judged_before_history(acacia: Tenant) -> None:
    late, fresh = new_meter(acacia), new_meter(acacia)
    new_rule(acacia)
    keep_readings(late, [{"measured_at": START, "voltage_l1_v": 180}], now=NOW)
    recompute_all_touched(acacia.pk)
    keep_readings(fresh, [{"measured_at": NOW - MINUTE, "voltage_l1_v": 180}], now=NOW)
    recompute_all_touched(acacia.pk)

    rung = []
    while follow(acacia.pk, now=NOW):
        with acting_for(acacia.pk):
            rung.append(set(AlarmEvent.objects.values_list("meter_id", flat=True)))

    assert rung == [{fresh.pk}, {late.pk, fresh.pk}]


def test_late_data_inside_a_known_alarm_does_not_ring_again(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia)
    say(meter, {0: 220, 10: 180, 20: 180, 30: 220, 60: 220})

    say(meter, {15: 220, 16: 170, 40: 219})

    assert events(acacia) == [(10, 30, 180, "cleared")]


def test_late_data_finds_an_alarm_that_was_over_before_the_one_that_is_open(
    acacia: Tenant,
) -> None:
    meter = new_meter(acacia)
    new_rule(acacia)
    say(meter, {0: 220, 50: 180})

    say(meter, {10: 180, 12: 220})

    assert events(acacia) == [(10, 12, 180, "cleared"), (50, None, 180, "raised")]


def test_late_data_completes_a_duration(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia, for_seconds=300)
    say(meter, {0: 190, 4: 190, 5: 190})
    assert events(acacia) == []

    say(meter, {2: 190})

    assert events(acacia) == [(5, None, 190, "raised")]
    say(meter, {6: 189, 7: 220})
    assert events(acacia) == [(5, 7, 189, "cleared")]


def test_late_data_ends_an_open_alarm(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia, hysteresis=5)
    say(meter, {0: 190, 10: 200})

    say(meter, {5: 210})

    assert events(acacia) == [(0, 5, 190, "cleared")]


def test_history_does_not_ring(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia)
    fresh = new_rule(acacia, name="nova", active_since=START + 30 * MINUTE)

    say(meter, {0: 180, 1: 220}, now=START + timedelta(days=8))
    say(meter, {2: 180, 3: 220}, now=START + timedelta(hours=1))

    with acting_for(acacia.pk):
        assert [minute_of(e.raised_at) for e in AlarmEvent.objects.all()] == [2]
        assert not AlarmEvent.objects.filter(rule=fresh).exists()


def test_a_long_backlog_is_judged_in_order(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia)
    volts = {60 * hour: (180.0 if hour % 24 == 6 else 220.0) for hour in range(24 * 4)}

    say(meter, volts, now=START + timedelta(days=4))

    days = [60 * (24 * day + 6) for day in range(4)]
    assert events(acacia) == [(at, at + 60, 180, "cleared") for at in days]


@pytest.mark.parametrize("scope", ["tenant", "client", "site", "meter"])
def test_a_rule_reaches_its_scope_and_no_further(acacia: Tenant, scope: str) -> None:
    with acting_for(acacia.pk):
        client = make_client(tenant=acacia)
        sites = [make_site(tenant=acacia, client=client) for _ in range(2)]
        mine, same_site, same_client, other = [
            make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia, site=site))
            for site in (sites[0], sites[0], sites[1], make_site(tenant=acacia))
        ]
    named = {"tenant": {}, "client": {"client": client}, "site": {"site": sites[0]}}
    new_rule(acacia, scope=scope, **named.get(scope, {"meter": mine}))
    reached = {
        "tenant": {mine, same_site, same_client, other},
        "client": {mine, same_site, same_client},
        "site": {mine, same_site},
        "meter": {mine},
    }

    for meter in (mine, same_site, same_client, other):
        say(meter, {0: 180})

    with acting_for(acacia.pk):
        rang = {event.meter for event in AlarmEvent.objects.select_related("meter")}
        assert rang == reached[scope]


def test_tenants_do_not_ring_for_each_other(acacia: Tenant, baobab: Tenant) -> None:
    theirs = new_meter(baobab)
    new_rule(acacia)

    say(theirs, {0: 180})

    assert events(acacia) == events(baobab) == []


def test_derived_values_are_watched(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    total = new_rule(acacia, name="total", metric="current_total_a", operator=">", threshold=50)
    skew = new_rule(
        acacia, name="skew", metric="voltage_unbalance_percent", operator=">", threshold=2
    )
    row = {
        "measured_at": START,
        "current_l1_a": 30.0,
        "current_l2_a": 21.0,
        "voltage_l1_v": 230.0,
        "voltage_l2_v": 220.0,
        "voltage_l3_v": 210.0,
    }

    keep_readings(meter, [row], now=NOW)
    recompute_all_touched(acacia.pk)
    follow_all(acacia.pk, now=NOW)

    with acting_for(acacia.pk):
        rang = {event.rule_id: event.value for event in AlarmEvent.objects.all()}
        assert rang == {total.pk: 51, skew.pk: pytest.approx(100 * 10 / 220)}


def test_a_reading_of_exactly_the_limit_is_at_the_limit(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia, metric="voltage_l1_v", operator=">=", threshold=235.2)

    say(meter, {0: 235.2}, metric="voltage_l1_v")

    with acting_for(acacia.pk):
        assert [event.value for event in AlarmEvent.objects.all()] == [235.2]


def test_energy_of_a_quarter_hour_is_judged_when_it_is_complete(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia, metric="energy_15min_kwh", operator=">", threshold=1.0)

    for row in register_rows(START, [0, 900, 2_100, 2_200]):
        keep_readings(meter, [row], now=NOW)
        recompute_all_touched(acacia.pk)
        follow_all(acacia.pk, now=NOW)

    assert events(acacia) == [(30, 45, 1.2, "cleared")]


def test_a_fast_change_rings(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(
        acacia,
        kind="rate",
        metric="pressure_bar",
        operator="<",
        threshold=-0.5,
        window_seconds=600,
    )

    for minute, bar in enumerate([4.0, 4.0, 3.9, 3.6, 3.3, 3.3, 3.3]):
        say(meter, {5 * minute: bar}, metric="pressure_bar")

    assert [row[:2] for row in events(acacia)] == [(20, 25)]


def test_the_database_allows_one_open_alarm_and_names_the_scope(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    rule = new_rule(acacia)
    say(meter, {0: 180})

    with acting_for(acacia.pk):
        with pytest.raises(IntegrityError, match="one_open"), transaction.atomic():
            raise_event(rule, meter.pk, since=START, at=START, now=NOW)
        with pytest.raises(IntegrityError, match="scope_names_its_row"), transaction.atomic():
            make_alarm_rule(tenant=acacia, scope="meter")
        with pytest.raises(IntegrityError, match="has_a_condition"), transaction.atomic():
            make_alarm_rule(tenant=acacia, threshold=None)


def test_changing_a_rule_ends_its_alarms_and_starts_over(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    rule = new_rule(acacia)
    say(meter, {0: 180})

    with acting_for(acacia.pk):
        rule.name = "Outro nome"
        save_rule(rule, now=NOW)
        assert AlarmEvent.objects.open().count() == 1
        rule.threshold = 150.0
        save_rule(rule, now=NOW)
        event = AlarmEvent.objects.get()
        assert (event.state, event.clear_reason, event.cleared_at) == (
            "cleared",
            "rule_changed",
            NOW,
        )
        assert AlarmProgress.objects.count() == 0
    say(meter, {1: 140}, now=NOW + MINUTE)  # older than the changed rule

    assert len(events(acacia)) == 1


def test_switching_a_rule_off_ends_its_alarms(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    rule = new_rule(acacia)
    say(meter, {0: 180})

    with acting_for(acacia.pk):
        switch_rule(rule, on=False, now=NOW)
        switch_rule(rule, on=False, now=NOW + MINUTE)
    say(meter, {1: 170})

    with acting_for(acacia.pk):
        event = AlarmEvent.objects.get()
        assert (event.clear_reason, event.cleared_at) == ("rule_disabled", NOW)


def test_acknowledging_twice_keeps_the_first(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia)
    say(meter, {0: 180})
    first, second = make_user(), make_user()

    with acting_for(acacia.pk):
        event = AlarmEvent.objects.get()
        with acting_as(Actor(first.pk, "operator", "Ana")):
            acknowledge(event, note="Já vou", now=NOW)
        with acting_as(Actor(second.pk, "owner", "Rui")):
            acknowledge(event, note="Eu", now=NOW + MINUTE)
        assert (event.state, event.note, event.acknowledged_by) == ("acknowledged", "Já vou", first)
        assert event.acknowledged_at == NOW
    say(meter, {1: 220})

    assert events(acacia) == [(0, 1, 180, "cleared")]


# Silence --------------------------------------------------------------------------------------


def arrival(meter: Meter, minute: int) -> datetime:
    """When the reading came, by the database's clock."""
    with acting_for(meter.tenant_id):
        at = START + MINUTE * minute
        return Reading.objects.get(meter_id=meter.pk, measured_at=at).received_at


def test_silence_rings_once_and_ends_with_the_next_data(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia, **SILENCE)
    say(meter, {0: 220})
    came = arrival(meter, 0)
    assert tenants_to_watch() == [acacia.pk]

    changed = [watch_silence(acacia.pk, now=came + MINUTE * m) for m in (9, 10, 11, 30)]

    assert changed == [0, 1, 0, 0]
    with acting_for(acacia.pk):
        event = AlarmEvent.objects.get()
        assert (event.since_at, event.raised_at) == (came, came + 10 * MINUTE)
        assert (event.state, event.value) == ("raised", None)
    say(meter, {1: 220})
    with acting_for(acacia.pk):
        event.refresh_from_db()
        assert (event.clear_reason, event.cleared_at) == ("data", arrival(meter, 1))


def test_old_data_that_comes_now_is_no_silence(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia, **SILENCE)
    say(meter, {50: 220})

    say(meter, {5: 220})  # what an outage left behind

    came = arrival(meter, 5)
    assert came > arrival(meter, 50)
    assert watch_silence(acacia.pk, now=arrival(meter, 50) + 10 * MINUTE) == 0
    assert watch_silence(acacia.pk, now=came + 10 * MINUTE) == 1


def test_a_meter_that_never_spoke_or_serves_nobody_is_not_silent(acacia: Tenant) -> None:
    new_meter(acacia)
    with acting_for(acacia.pk):
        stored = make_meter(tenant=acacia)
    new_rule(acacia, **SILENCE)
    say(stored, {0: 220}, now=START)

    assert watch_silence(acacia.pk, now=NOW) == 0


def test_an_alarm_ends_when_its_meter_leaves_the_rule(acacia: Tenant) -> None:
    meter = new_meter(acacia)
    new_rule(acacia)
    say(meter, {0: 180})

    with acting_for(acacia.pk):
        Meter.objects.filter(pk=meter.pk).update(is_active=False)
    assert watch_silence(acacia.pk, now=NOW) == 1

    with acting_for(acacia.pk):
        assert AlarmEvent.objects.get().clear_reason == "out_of_scope"


# Any order, and death -------------------------------------------------------------------------

VOLTS = st.lists(
    st.tuples(st.integers(0, 90), st.sampled_from([180.0, 199.0, 220.0])),
    unique_by=lambda sample: sample[0],
    min_size=1,
    max_size=25,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(samples=VOLTS, order=st.randoms(use_true_random=False), holds=st.sampled_from([0, 180]))
def test_in_any_order_every_episode_has_one_alarm(
    acacia: Tenant, samples: list[tuple[int, float]], order: Any, holds: int
) -> None:
    with acting_for(acacia.pk):
        AlarmRule.objects.update(is_enabled=False)
    meter = new_meter(acacia)
    rule = new_rule(acacia, scope="meter", meter=meter, for_seconds=holds, hysteresis=2)
    condition = Condition(
        "<", 198.0, timedelta(seconds=holds), 2.0, patience=timedelta(seconds=120)
    )
    times = [START + MINUTE * minute for minute, _ in sorted(samples)]
    wanted = run(condition, Memory(), times, [volt for _, volt in sorted(samples)])
    shuffled = list(samples)
    order.shuffle(shuffled)

    while shuffled:
        size = order.randint(1, 6)
        say(meter, dict(shuffled[:size]))
        shuffled = shuffled[size:]

    with acting_for(acacia.pk):
        found = list(AlarmEvent.objects.filter(rule=rule).order_by("raised_at"))
    for place, raised in enumerate(wanted):
        if isinstance(raised, Raised):
            end = wanted[place + 1].at if place + 1 < len(wanted) else NOW
            assert any(
                event.since_at <= end and (event.cleared_at or NOW) >= raised.since
                for event in found
            ), (raised, samples)
    is_open = bool(wanted) and isinstance(wanted[-1], Raised)
    assert sum(event.cleared_at is None for event in found) in ([1] if is_open else [0, 1])


def test_in_order_any_batches_give_the_very_same_alarms(acacia: Tenant) -> None:
    volts = {m: (190.0 if m % 17 in {3, 4, 5, 9} else 220.0) for m in range(180)}
    one, other = new_meter(acacia), new_meter(acacia)
    new_rule(acacia, for_seconds=60)

    say(one, volts)
    batches: Sequence[range] = [range(7), range(7, 16), range(16, 91), range(91, 180)]
    for batch in batches:
        say(other, {minute: volts[minute] for minute in batch})

    with acting_for(acacia.pk):
        both = [
            list(
                AlarmEvent.objects.filter(meter=meter)
                .order_by("raised_at")
                .values_list("since_at", "raised_at", "cleared_at", "value", "extreme_value")
            )
            for meter in (one, other)
        ]
        assert both[0] == both[1]
        assert len(both[0]) == 11


KILLED = """
import os, signal, sys
import django; django.setup()
from datetime import datetime
from meters.services import alarms
real = alarms._Round.judge
def judge_and_die(self):
    real(self)  # everything is written, and nothing committed
    os.kill(os.getpid(), signal.SIGKILL)
alarms._Round.judge = judge_and_die
alarms.follow(int(sys.argv[1]), now=datetime.fromisoformat(sys.argv[2]))
"""


def test_a_worker_killed_before_its_commit_loses_nothing_and_rings_once(
    acacia: Tenant, databases: Any
) -> None:
    meter = new_meter(acacia)
    new_rule(acacia)
    rows = [{"measured_at": START, "voltage_l1_v": 180.0}]
    keep_readings(meter, rows, now=NOW)
    recompute_all_touched(acacia.pk)

    dead = subprocess.run(
        [sys.executable, "-c", KILLED, str(acacia.pk), NOW.isoformat()],
        env={**os.environ, **databases.environment(), "DJANGO_SETTINGS_MODULE": "config.settings"},
        cwd=Path(__file__).resolve().parents[3],
        check=False,
    )

    assert dead.returncode == -signal.SIGKILL
    assert events(acacia) == []
    assert follow(acacia.pk, now=NOW) == 1
    assert follow(acacia.pk, now=NOW) == 0
    assert events(acacia) == [(0, None, 180, "raised")]
