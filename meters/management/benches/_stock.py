"""Fills a throw-away database with what the bench sends to: run as a process of its own, since the
process that measures works on another database."""

from __future__ import annotations

import argparse
import hashlib
from datetime import UTC, datetime
from typing import Final

LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


def stock(secret: str, meters: int, rules: int) -> None:
    """One tenant, its meters, a key that reports them all without a limit worth naming, and alarm
    rules of which one rings below 10 V."""
    from clients.kernel.tenancy import across_tenants, acting_for
    from clients.models import Tenant
    from meters.models import AlarmRule, DeviceKey, DeviceKeyMeter, Meter

    with across_tenants():
        tenant = Tenant.objects.create(name="Bench", slug="bench", trade="energy")
    with acting_for(tenant.pk):
        made = Meter.objects.bulk_create(
            Meter(serial=f"BENCH-{number:03d}", sample_seconds=60) for number in range(meters)
        )
        key = DeviceKey.objects.create(
            name="Bench",
            prefix="",
            secret_sha256=hashlib.sha256(secret.encode()).digest(),
            rate_per_minute=100_000_000,
        )
        DeviceKeyMeter.objects.bulk_create(
            DeviceKeyMeter(device_key=key, meter=meter) for meter in made
        )
        AlarmRule.objects.bulk_create(
            AlarmRule(
                name=f"Rule {number}",
                metric="voltage_l1_v",
                operator="<",
                threshold=10.0 - number,
                active_since=LONG_AGO,
            )
            for number in range(rules)
        )


def main() -> None:
    import django

    parser = argparse.ArgumentParser()
    parser.add_argument("--secret", required=True)
    parser.add_argument("--meters", type=int, required=True)
    parser.add_argument("--rules", type=int, default=0)
    asked = parser.parse_args()
    django.setup()
    stock(asked.secret, asked.meters, asked.rules)


if __name__ == "__main__":
    main()
