"""One meter that cannot be computed must not hold up the others.

Whatever fails is tried again meter by meter. The one that fails then is put apart with its reason,
for an hour, and shown to people; its readings stay touched, so nothing of it is lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, TypeVar

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from meters.models import Stuck
from meters.services.followers import Stretch
from meters.services.touching import touch

R = TypeVar("R", bound=Stretch)
RETRY_AFTER: Final = timedelta(hours=1)
logger = logging.getLogger(__name__)


def alone_if_needed(runs: Sequence[R], compute: Callable[[Sequence[R]], list[R]]) -> list[R]:
    """What `compute` answers for the runs, without the meters for which it raises an error.

    A server that is away or too slow is nobody's fault: that error goes up, nothing is kept.
    """
    meter_ids = {run.meter_id for run in runs}
    try:
        with transaction.atomic():
            found = compute(runs)
        Stuck.objects.filter(meter_id__in=meter_ids).delete()
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("meters computed one by one", extra={"meters": len(meter_ids)})
        found = []
        for _meter_id, own in groupby(sorted(runs, key=_by_meter), key=lambda run: run.meter_id):
            found += _alone(list(own), compute)
    return found


def _by_meter(run: Stretch) -> tuple[int, datetime]:
    return run.meter_id, run.starts_at


def _alone(runs: list[R], compute: Callable[[Sequence[R]], list[R]]) -> list[R]:
    meter_id = runs[0].meter_id
    try:
        with transaction.atomic():
            found = compute(runs)
            Stuck.objects.filter(meter_id=meter_id).delete()
            return found
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("meter cannot be computed", extra={"meter_id": meter_id})
        touch((run.meter_id, run.starts_at, run.ends_at) for run in runs)
        retry_at, text = timezone.now() + RETRY_AFTER, str(error)[:300]
        Stuck.objects.update_or_create(
            meter_id=meter_id, defaults={"retry_at": retry_at, "error": text}
        )
        return []
