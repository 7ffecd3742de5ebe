from __future__ import annotations

import pytest

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.management.chaos.bodies import Target, assault
from meters.models import Meter, Quarantine, Reading
from meters.tests.edges import Edges, post

pytestmark = pytest.mark.commits


def test_bodies_that_nobody_understands_are_refused_and_leave_nothing_behind(
    edges: Edges, acacia: Tenant, meter: Meter, key: str
) -> None:
    port = edges.start()
    target = Target(port, key, edges.running[port].pid, meter.serial)

    found = assault(target, 600, seed=11)

    assert found["server_errors"] == 0, found
    assert set(found["statuses"]) <= {"400", "413", "415", "422"}
    with acting_for(acacia.pk):
        assert Reading.objects.count() == Quarantine.objects.count() == 0
    assert post(port, key, {"unix": 1_790_000_000, "power_w": 1})[0] == 200
