"""An outage, a device that remembers, and intervals that are complete afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.drivers.mqtt import Letter
from meters.models import Connection, HistoryGap, Interval, Meter, MqttBroker, Quality, Reading
from meters.services.history import fill, fill_due
from meters.services.intervals import recompute_touched
from meters.services.listening import BrokerReader
from meters.simulators.shelly import Counted, ShellySimulator
from meters.testing import make_meter, make_metering_point

pytestmark = pytest.mark.commits
START = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FIRST_WH = 100_000
MINUTES = 360


@pytest.fixture
def device(settings: Any) -> Iterator[ShellySimulator]:
    simulator = ShellySimulator().start()
    settings.HTTP_ALLOWED_PRIVATE = ["127.0.0.1"]
    yield simulator
    simulator.stop()


def counts(device: ShellySimulator) -> list[float]:
    """Six hours of minutes, more in the third hour; the register at the end of each."""
    register, registers = float(FIRST_WH), [float(FIRST_WH)]
    for minute in range(MINUTES):
        energy = 60.0 if 120 <= minute < 180 else 10.0
        ts = int((START + timedelta(minutes=minute)).timestamp())
        device.minutes.append(Counted(ts, energy))
        register += energy
        registers.append(register)
    return registers


def connected(tenant: Tenant, device: ShellySimulator, **fields: Any) -> tuple[Meter, BrokerReader]:
    with acting_for(tenant.pk):
        meter = make_meter(tenant=tenant, metering_point=make_metering_point(tenant=tenant))
        broker = MqttBroker.objects.create(tenant=tenant, name="Casa", host="192.0.2.1")
        Connection.objects.create(
            tenant=tenant,
            meter=meter,
            driver="shelly",
            address="pro3em",
            host="127.0.0.1",
            port=device.port,
            due_at=None,
            **fields,
        )
        reader = BrokerReader(tenant.pk, broker.pk, clock=lambda: START + timedelta(days=1))
        reader.refresh()
        return meter, reader


def outage(reader: BrokerReader, registers: list[float]) -> None:
    """Heard over MQTT for an hour, not for four, and heard again for an hour."""
    letters = []
    for minute in (*range(61), *range(300, MINUTES + 1)):
        at = START + timedelta(minutes=minute)
        told = {"ts": at.timestamp(), "emdata:0": {"total_act": registers[minute]}}
        told["emdata:0"]["total_act_ret"] = 0
        payload = json.dumps({"method": "NotifyStatus", "params": told}).encode()
        letters.append(Letter("pro3em/events/rpc", payload, at))
    reader.take(letters)


def gap_of(tenant: Tenant) -> HistoryGap:
    with acting_for(tenant.pk):
        return HistoryGap.objects.get()


def test_an_outage_is_filled_from_what_the_device_remembers(
    acacia: Tenant, device: ShellySimulator
) -> None:
    registers = counts(device)
    meter, reader = connected(acacia, device)
    outage(reader, registers)

    assert fill_due() == 1

    recompute_touched(acacia.pk)
    gap = gap_of(acacia)
    assert (gap.due_at, gap.last_error, gap.recovered) == (None, "", 239)
    with acting_for(acacia.pk):
        third_hour = Interval.objects.filter(
            meter=meter,
            starts_at__gte=START + timedelta(hours=2),
            starts_at__lt=START + timedelta(hours=3),
        )
        used = [row.energy_import_ws // 3600 for row in third_hour.order_by("starts_at")]
        whole = Interval.objects.filter(meter=meter, starts_at__lt=START + timedelta(hours=6))
        assert used == pytest.approx([900] * 4, abs=2)
        assert {row.quality for row in whole} == {Quality.MEASURED}
        assert {row.seconds_covered for row in whole} == {900}
        total = sum(row.energy_import_ws for row in whole)
    assert total == pytest.approx((registers[-1] - FIRST_WH) * 3600, abs=3600)


def test_filling_twice_changes_nothing(acacia: Tenant, device: ShellySimulator) -> None:
    registers = counts(device)
    _meter, reader = connected(acacia, device)
    outage(reader, registers)
    fill_due()
    gap = gap_of(acacia)

    with acting_for(acacia.pk):
        before = list(Reading.objects.order_by("measured_at").values_list("measured_at"))
        HistoryGap.objects.update(due_at=START, asked_until=None)
    assert fill(acacia.pk, gap.pk)

    with acting_for(acacia.pk):
        assert list(Reading.objects.order_by("measured_at").values_list("measured_at")) == before
    assert not fill(acacia.pk, gap.pk)


def test_a_device_of_one_phase_with_a_password(acacia: Tenant, settings: Any) -> None:
    device = ShellySimulator(phases=1, password="secret").start()
    settings.HTTP_ALLOWED_PRIVATE = ["127.0.0.1"]
    registers = counts(device)
    _meter, reader = connected(acacia, device, secrets='{"password": "secret"}')
    outage(reader, registers)

    fill_due()
    device.stop()

    assert gap_of(acacia).recovered == 239


def test_a_device_that_was_off_leaves_its_hole(acacia: Tenant, device: ShellySimulator) -> None:
    registers = counts(device)
    off = range(100, 130)
    lost = sum(device.minutes[minute].import_wh for minute in off)
    device.minutes = [m for place, m in enumerate(device.minutes) if place not in off]
    shown = [r - (lost if place >= 130 else 0) for place, r in enumerate(registers)]
    _meter, reader = connected(acacia, device)
    outage(reader, shown)

    fill_due()

    gap = gap_of(acacia)
    assert (gap.last_error, gap.recovered) == ("", 239 - len(off))


@pytest.mark.parametrize("fault", ["not_json", "error", "other_keys", "backwards"])
def test_a_device_in_trouble_is_asked_again(
    acacia: Tenant, device: ShellySimulator, fault: str
) -> None:
    registers = counts(device)
    _meter, reader = connected(acacia, device)
    outage(reader, registers)
    device.fault = fault

    fill_due()

    assert gap_of(acacia).due_at is not None
    device.fault = ""
    with acting_for(acacia.pk):
        HistoryGap.objects.update(due_at=START)
    fill_due()
    assert gap_of(acacia).recovered == 239


@pytest.mark.parametrize("change", [-3_000.0, 50_000.0])
def test_a_register_that_does_not_fit_is_not_filled(
    acacia: Tenant, device: ShellySimulator, change: float
) -> None:
    registers = counts(device)
    _meter, reader = connected(acacia, device)
    outage(reader, [r + (change if place >= 300 else 0) for place, r in enumerate(registers)])

    fill_due()

    gap = gap_of(acacia)
    assert (gap.due_at, gap.recovered) == (None, 0)
    assert gap.died_at is not None


def test_an_address_inside_is_not_asked(
    acacia: Tenant, device: ShellySimulator, settings: Any
) -> None:
    registers = counts(device)
    _meter, reader = connected(acacia, device)
    outage(reader, registers)
    settings.HTTP_ALLOWED_PRIVATE = []

    fill_due()

    assert gap_of(acacia).last_error == "address_refused"
    assert device.questions == []
