"""Metering points whose use is known, for the tests of this app."""

from __future__ import annotations

from decimal import Decimal

from clients.kernel.periods import Period
from clients.models import Tenant
from meters import selectors
from meters.models import MeteringPoint
from meters.testing import make_metering_point


def make_point(*, tenant: Tenant, name: str = "Main board") -> MeteringPoint:
    return make_metering_point(tenant=tenant, name=name)


def use_energy(point: MeteringPoint, period: Period, *, wh: int, percent: int = 100) -> None:
    """The point used `wh` over the period, of which `percent` was measured."""
    use = selectors.MeteredEnergy(wh, Decimal(percent), {"rule": "register"})
    selectors.STUB.setdefault(point.pk, []).append((period, use))
