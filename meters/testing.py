"""Makers that tests of the apps above may use."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from clients.models import Client, Tenant
from clients.testing import make_client
from meters.models import (
    AlarmRule,
    Connection,
    Installation,
    Interval,
    Meter,
    MeteringPoint,
    Quality,
    Rule,
    Site,
)
from meters.services.ingest import Answer, store_readings
from meters.services.keys import NewKey, create_key
from meters.services.samples import samples_of

_serial = itertools.count(1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def make_site(*, tenant: Tenant, client: Client | None = None, **fields: Any) -> Site:
    """A site of a client, in São Paulo's zone."""
    client = client or make_client(tenant=tenant)
    return Site.objects.create(**{"tenant": tenant, "client": client, "name": "Casa", **fields})


def make_metering_point(
    *, tenant: Tenant, site: Site | None = None, **fields: Any
) -> MeteringPoint:
    """A point at which energy is measured."""
    site = site or make_site(tenant=tenant)
    return MeteringPoint.objects.create(
        **{"tenant": tenant, "site": site, "name": "Entrada", **fields}
    )


def make_meter(
    *, tenant: Tenant, metering_point: MeteringPoint | None = None, **fields: Any
) -> Meter:
    """A meter; with a `metering_point`, it has served it for ever."""
    meter = Meter.objects.create(
        **{"tenant": tenant, "serial": f"SN-{next(_serial):06d}", **fields}
    )
    if metering_point is not None:
        Installation.objects.create(
            tenant=tenant, meter=meter, metering_point=metering_point, starts_at=LONG_AGO
        )
    return meter


def make_connection(*, tenant: Tenant, meter: Meter | None = None, **fields: Any) -> Connection:
    """A Modbus connection that is due now."""
    meter = meter or make_meter(tenant=tenant)
    given = {"profile": "eastron-sdm630", "host": "127.0.0.1", "port": 502, "timeout_ms": 2_000}
    return Connection.objects.create(**{"tenant": tenant, "meter": meter, **given, **fields})


def make_key(*meters: Meter, **fields: Any) -> NewKey:
    """A key that may report these meters as often as it likes."""
    return create_key("Gateway", meters, **{"rate_per_minute": 1_000_000, **fields})


def keep_readings(meter: Meter, rows: Iterable[dict[str, Any]], *, now: datetime) -> Answer:
    """Store rows of this meter. They are committed at once: mark the test `commits`."""
    return store_readings(
        meter.tenant_id,
        {meter.serial: meter.pk},
        samples_of([{"meter": meter.serial, **row} for row in rows]),
        now=now,
    )


def register_rows(
    start: datetime, registers_wh: Sequence[int], *, every: timedelta = timedelta(minutes=15)
) -> list[dict[str, Any]]:
    """Rows of an import register, one `every` so long."""
    return [
        {"measured_at": start + every * place, "energy_import_wh": register}
        for place, register in enumerate(registers_wh)
    ]


def keep_intervals(
    meter: Meter, start: datetime, watts: Sequence[float | None], **fields: Any
) -> None:
    """Quarter-hours of a mean power, one after the other; None is one about which nothing is
    known."""
    Interval.objects.bulk_create(
        Interval(
            **{
                "tenant_id": meter.tenant_id,
                "meter": meter,
                "starts_at": start + timedelta(minutes=15 * place),
                "energy_import_ws": round(power * 900),
                "power_mean_w": power,
                "power_max_w": power,
                "seconds_covered": 900,
                "quality": Quality.MEASURED,
                "rule": Rule.REGISTER,
                **fields,
            }
        )
        for place, power in enumerate(watts)
        if power is not None
    )


def make_alarm_rule(*, tenant: Tenant, **fields: Any) -> AlarmRule:
    """A rule that rings at once when any meter's voltage L1 is below 198 V, whatever its date."""
    return AlarmRule.objects.create(
        **{
            "tenant": tenant,
            "name": "Tensão baixa",
            "metric": "voltage_l1_v",
            "operator": "<",
            "threshold": 198.0,
            "active_since": LONG_AGO,
            **fields,
        }
    )
