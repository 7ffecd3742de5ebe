"""Computes and judges everything that waits, in a process of its own; prints how long it took."""

from __future__ import annotations

import json
import sys
import time

import django

django.setup()

from django.db import connection  # noqa: E402 - after Django
from django.utils import timezone  # noqa: E402

from clients.kernel.tenancy import acting_for  # noqa: E402
from meters.models import AlarmEvent  # noqa: E402
from meters.services.alarms import follow_all  # noqa: E402
from meters.services.intervals import recompute_all_touched  # noqa: E402


def main(tenant_id: int) -> None:
    connection.ensure_connection()
    began = time.perf_counter()
    recompute_all_touched(tenant_id)
    computed = time.perf_counter()
    follow_all(tenant_id, now=timezone.now())
    judged = time.perf_counter()
    with acting_for(tenant_id):
        events = AlarmEvent.objects.count()
    found = {"computed_s": computed - began, "judged_s": judged - computed, "events": events}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
