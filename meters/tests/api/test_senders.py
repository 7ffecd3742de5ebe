from __future__ import annotations

import asyncio
from typing import Any

import pytest

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.api import senders
from meters.api.senders import Senders
from meters.errors import StorageUnavailable
from meters.models import DeviceKey, Meter
from meters.testing import make_key
from meters.tests.door import Door, reading, stored

pytestmark = pytest.mark.commits


def test_a_key_whose_zone_nobody_knows_does_not_hold_up_the_others(
    door: Door, acacia: Tenant, meter: Meter, key: str
) -> None:
    with acting_for(acacia.pk):
        lost = make_key(meter)
        DeviceKey.objects.filter(pk=lost.key.pk).update(time_zone="Nowhere/Land")

    answers = door.post_together([(reading(), lost.secret), (reading(), key)])

    assert [status for status, _said in answers] == [503, 200]
    assert len(stored(acacia)) == 1


def test_whatever_fails_the_senders_are_asked_to_come_again(
    door: Door, acacia: Tenant, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_declared: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(senders, "_dialect", broken)

    assert door.post(reading(), key)[0] == 503

    monkeypatch.undo()
    assert door.post(reading(), key)[0] == 200


def test_nobody_waits_for_ever(
    door: Door, fresh_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_self: Senders, _digests: list[bytes]) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(senders, "LONGEST_WAIT_S", 0.05)
    monkeypatch.setattr(Senders, "_query", never)
    asked = Senders(fresh_database.environment()["DATABASE_INGEST_URL"], 600)

    with pytest.raises(StorageUnavailable):
        door.run(asked.sender(b"plsk_x"))
