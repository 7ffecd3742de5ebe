"""Places of the ingest lane. Loaded before Django is set up, so it imports when it is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from clients.models import Tenant
    from config.services import Valkey
    from meters.models import Meter
    from meters.tests.door import Door
    from meters.tests.edges import Edges


@pytest.fixture
def door(fresh_database: Any, acacia: Tenant) -> Iterator[Door]:
    from meters.tests.door import Door

    door = Door(fresh_database.environment()["DATABASE_INGEST_URL"])
    yield door
    door.close()


@pytest.fixture
def meter(acacia: Tenant) -> Meter:
    from clients.kernel.tenancy import acting_for
    from meters.testing import make_meter

    with acting_for(acacia.pk):
        return make_meter(tenant=acacia, serial="AA:01")


@pytest.fixture
def key(acacia: Tenant, meter: Meter) -> str:
    from clients.kernel.tenancy import acting_for
    from meters.testing import make_key

    with acting_for(acacia.pk):
        return make_key(meter).secret


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    from config.services import Valkey

    with Valkey(tmp_path / "valkey", durable=False) as started:
        yield started


@pytest.fixture
def edges(fresh_database: Any, valkey: Valkey, tmp_path: Path) -> Iterator[Edges]:
    from meters.tests.edges import Edges

    found = Edges({**fresh_database.environment(), "REDIS_URL": valkey.url(0)}, tmp_path)
    yield found
    found.close()
