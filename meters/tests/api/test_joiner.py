from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.api.joiner import Joiner
from meters.errors import BadReadings
from meters.models import Meter, Reading
from meters.services.bodies import Said
from meters.services.ingest import Submission, prepare
from meters.services.samples import EPOCH, MICROSECOND, Samples
from meters.tests.door import NOW, Door

pytestmark = pytest.mark.commits
LAST_MONTH = NOW - timedelta(days=40)


def test_a_row_that_the_database_refuses_fails_its_own_request_alone(
    door: Door, fresh_database: Any, acacia: Tenant, meter: Meter
) -> None:
    """Even beside a duplicate, where the database is asked row by row."""

    def saying(at: Any, extra: dict[str, Any]) -> Submission:
        samples = Samples([None], [(at - EPOCH) // MICROSECOND], ("extra",), [extra])
        return prepare(acacia.pk, {"AA:01": meter.pk}, Said.of(samples), now=NOW)

    known, new = saying(LAST_MONTH, {"a": 1}), saying(NOW - timedelta(hours=1), {"b": 1})
    poison = saying(NOW, {"a": "\0"})  # past our checks

    async def store() -> list[Any]:
        url = fresh_database.environment()["DATABASE_INGEST_URL"]
        joiner = Joiner(url, tell=lambda _stored: None)
        joiner.start()
        await joiner.store(known, apart=False)
        together = (known, poison, new)
        try:
            return await asyncio.gather(
                *(joiner.store(each, apart=False) for each in together), return_exceptions=True
            )
        finally:
            await joiner.stop()

    again, refused, stored = door.run(store())

    assert again == ["duplicate"]
    assert isinstance(refused, BadReadings)
    assert refused.status == 422
    assert stored == ["accepted"]
    with acting_for(acacia.pk):
        assert Reading.objects.count() == 2
