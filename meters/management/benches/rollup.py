"""`manage.py bench rollup`: intervals and days from touched readings, on a database of its own.

Readings are put in place by SQL, without the lane. Everything is thrown away afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import psycopg
from django.db import connection
from environ import Env

from clients.kernel.periods import Period
from clients.kernel.tenancy import acting_for
from meters.models import Interval, Meter
from meters.services.intervals import recompute_all_touched

ROOT: Final = Path(__file__).resolve().parents[3]
METERS: Final = 340  # once a minute for 49 hours: 1 M readings
MINUTES: Final = 2_941
MILLION: Final = 1_000_000
STORED: Final = 10_000_000
MONTHS_ASKED: Final = 40

PREPARE: Final = """
    INSERT INTO clients_tenant (public_id, name, slug, trade, status, legal_name, document,
        address, city, state, currency, locale, time_zone, is_demo, created_at)
    VALUES (gen_random_uuid(), 'Bench', 'bench', 'energy', 'active', 'Bench', '', '', '', 'SP',
        'BRL', 'pt-br', 'America/Sao_Paulo', false, now())
"""
# As in DESIGN §8: 15 values in each row.
FILL: Final = """
    INSERT INTO {partition} (tenant_id, meter_id, measured_at, received_at, energy_import_wh,
        energy_export_wh, power_w, reactive_power_var, power_factor, frequency_hz, voltage_l1_v,
        voltage_l2_v, voltage_l3_v, current_l1_a, current_l2_a, current_l3_a, power_l1_w,
        power_l2_w, power_l3_w)
    SELECT t.id, m.id, %(start)s::timestamptz + n * %(every)s::interval, now(),
        n * 17 + m.id * 1000, n, 1000 + n %% 500, 10, 0.95, 60, 220.1, 219.8, 221, 5.5, 5.4, 5.6,
        400, 300, 300
    FROM clients_tenant t, meters_meter m,
        generate_series(%(first)s::integer, %(last)s::integer) AS n
    WHERE m.id BETWEEN %(from_meter)s AND %(to_meter)s
"""
TOUCH: Final = """
    INSERT INTO meters_touched (tenant_id, meter_id, quarter_at)
    SELECT DISTINCT tenant_id, meter_id, date_bin('15 min', measured_at, '2000-01-01 00:00+00')
    FROM {partition}
"""


def run() -> dict[str, Any]:
    """For `manage.py bench rollup`."""
    with _database() as owner:
        first_day = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        start = (first_day - timedelta(days=45)).replace(day=1)
        owner.execute(PREPARE)
        tenant_id = _scalar(owner, "SELECT id FROM clients_tenant")
        with acting_for(tenant_id):
            Meter.objects.bulk_create(
                Meter(tenant_id=tenant_id, serial=f"BENCH-{n}") for n in range(METERS)
            )
        partition = _partition(owner, start)
        begun = _fill(owner, partition, start, "1 min", 1, MINUTES, 1, METERS)
        readings = _scalar(owner, f"SELECT count(*) FROM {partition}")
        owner.execute(TOUCH.format(partition=partition))
        owner.execute(f"ANALYZE {partition}; ANALYZE meters_touched")
        first = _recompute(tenant_id)
        owner.execute(TOUCH.format(partition=partition))
        again = _recompute(tenant_id)
        late = _late(owner, partition, tenant_id, readings)
        month = _month(owner, partition, start, tenant_id, readings)
    return {
        "readings": readings,
        "rows_per_s": round(readings / first.wall),
        "recompute_1m_s": round(again.wall * MILLION / readings, 2),
        "recompute_1m_database_s": round(again.database * MILLION / readings, 2),
        "first_time_1m_s": round(first.wall * MILLION / readings, 2),
        "first_time_1m_database_s": round(first.database * MILLION / readings, 2),
        "loaded_s": round(begun, 1),
        **late,
        **month,
    }


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds on the clock, and of the database's processor where Linux tells."""

    wall: float
    database: float


def _recompute(tenant_id: int) -> Took:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    cpu, began = _cpu(backend), time.perf_counter()
    recompute_all_touched(tenant_id)
    return Took(time.perf_counter() - began, _cpu(backend) - cpu)


def _cpu(process: int) -> float:
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _late(
    owner: psycopg.Connection[Any], partition: str, tenant_id: int, readings: int
) -> dict[str, Any]:
    """The same meters with a dip in every day of each: how much slower the slow way is."""
    owner.execute(
        f"UPDATE {partition} SET energy_import_wh = 0 "
        "WHERE extract(hour FROM measured_at) = 5 AND extract(minute FROM measured_at) = 7"
    )
    owner.execute(TOUCH.format(partition=partition))
    took = _recompute(tenant_id)
    return {
        "with_dips_1m_s": round(took.wall * MILLION / readings, 2),
        "with_dips_1m_database_s": round(took.database * MILLION / readings, 2),
        "dips": _scalar(owner, "SELECT count(*) FROM meters_registerevent WHERE kind = 'dip'"),
    }


def _month(
    owner: psycopg.Connection[Any], partition: str, start: datetime, tenant_id: int, stored: int
) -> dict[str, Any]:
    """The time to a month of 15-minute values of one meter, with ten million readings stored."""
    days = 31
    following = (start + timedelta(days=32)).replace(day=1)
    other = _partition(owner, following)
    minutes = (STORED - stored) // METERS
    _fill(owner, other, following, "1 min", 1, minutes, 1, METERS)
    owner.execute(
        "INSERT INTO meters_interval (tenant_id, meter_id, starts_at, energy_import_ws, "
        "power_mean_w, seconds_covered, quality, rule) "
        "SELECT %s, m.id, %s::timestamptz + n * interval '15 min', n, n, 900, 'measured', "
        "'register' FROM meters_meter m, generate_series(0, %s) AS n ON CONFLICT DO NOTHING",
        [tenant_id, start, days * 96 - 1],
    )
    owner.execute("ANALYZE meters_interval; ANALYZE meters_reading")
    asked = Period(start, start + timedelta(days=days))
    took = []
    for meter_id in range(1, MONTHS_ASKED + 1):
        with acting_for(tenant_id):
            began = time.perf_counter()
            rows = list(
                Interval.objects.filter(
                    meter_id=meter_id, starts_at__gte=asked.start, starts_at__lt=asked.end
                )
                .order_by("starts_at")
                .values_list("starts_at", "energy_import_ws", "quality")
            )
            took.append(time.perf_counter() - began)
        if len(rows) != days * 96:
            raise RuntimeError(f"a month of {len(rows)} quarter-hours")
    took.sort()
    return {
        "stored": _scalar(owner, "SELECT count(*) FROM meters_reading"),
        "month_ms": round(took[int(len(took) * 0.95)] * 1000, 1),
    }


def _fill(
    owner: psycopg.Connection[Any],
    partition: str,
    start: datetime,
    every: str,
    first: int,
    last: int,
    from_meter: int,
    to_meter: int,
) -> float:
    began = time.perf_counter()
    owner.execute(
        FILL.format(partition=partition),
        {
            "start": start,
            "every": every,
            "first": first,
            "last": last,
            "from_meter": from_meter,
            "to_meter": to_meter,
        },
    )
    return time.perf_counter() - began


def _partition(owner: psycopg.Connection[Any], start: datetime) -> str:
    owner.execute("SELECT meters_make_partition(%s::date)", [start])
    return f"meters_reading_{start:%Y_%m}"


def _scalar(owner: psycopg.Connection[Any], statement: str) -> Any:  # whatever it counts
    row = owner.execute(statement).fetchone()
    return row[0] if row else None


@contextmanager
def _database() -> Iterator[psycopg.Connection[Any]]:
    """A migrated, durable database at which Django's connection points; the superuser's own."""
    services, roles = import_module("config.services"), import_module("config.roles")
    with (
        tempfile.TemporaryDirectory(prefix="pulso-bench-") as folder,
        services.Postgres(Path(folder) / "postgres") as postgres,
    ):
        urls = roles.create_roles(postgres.superuser_url(), "bench")
        names = {
            role: f"DATABASE_{role.upper()}_URL" for role in ("owner", "ingest", "ops", "backup")
        }
        environment = {
            "DATABASE_URL": urls["app"],
            **{name: urls[role] for role, name in names.items()},
        }
        subprocess.run(
            [sys.executable, "-m", "django", "migrate", "--database=owner", "--verbosity=0"],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **environment},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with (
            _pointing_at(urls["app"]),
            psycopg.connect(
                postgres.superuser_url("bench"),
                autocommit=True,
                options="-c search_path=pulso",
            ) as owner,
        ):
            yield owner


@contextmanager
def _pointing_at(url: str) -> Iterator[None]:
    """Django's own connection, taken to the database and back."""
    there = Env.db_url_config(url)
    here = connection.settings_dict.copy()
    connection.close()
    connection.settings_dict.update(
        {name: there[name] for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD")}
    )
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(here)
