"""Readings that intervals leave out. They stay stored, and can count again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from clients.kernel.periods import Period
from clients.kernel.tenancy import current_tenant_id
from meters.errors import NothingToLeaveOut
from meters.models import Disregarded, Meter, Reading
from meters.services.touching import touch_instants

MOST_READINGS: Final = 100_000


def disregard_readings(
    meter: Meter, instants: Iterable[datetime], *, reason: str, rule: str = "", author: str = ""
) -> int:
    """Leave these readings out of everything computed; the number newly left out.

    Safe to call twice. Intervals and days follow with the next computation.
    """
    wanted = set(instants)
    known = Disregarded.objects.filter(meter=meter, measured_at__in=wanted)
    fresh = sorted(wanted - set(known.values_list("measured_at", flat=True)))
    Disregarded.objects.bulk_create(
        (
            Disregarded(
                tenant_id=current_tenant_id(),
                meter=meter,
                measured_at=instant,
                reason=reason,
                rule=rule,
                author=author,
            )
            for instant in fresh
        ),
        ignore_conflicts=True,
    )
    touch_instants(meter.pk, fresh)
    return len(fresh)


def leave_out(meter: Meter, period: Period, *, reason: str, author: str) -> int:
    """Leave out what was read in the period (its end not in); the number newly left out.

    Raises NothingToLeaveOut when nothing was read then, or too much for one decision.
    """
    read = Reading.objects.filter(
        meter_id=meter.pk, measured_at__gte=period.start, measured_at__lt=period.end
    )
    instants = list(read.values_list("measured_at", flat=True)[: MOST_READINGS + 1])
    if not instants:
        raise NothingToLeaveOut(_("Nothing was read in this time."))
    if len(instants) > MOST_READINGS:
        raise NothingToLeaveOut(
            _("More than %(n)s readings at once cannot be left out.") % {"n": MOST_READINGS}
        )
    with transaction.atomic():
        return disregard_readings(meter, instants, reason=reason, author=author)


def count_again(meter: Meter, period: Period) -> int:
    """Have all readings of the period (its end not in) count; the number that was left out."""
    left_out = Disregarded.objects.filter(
        meter=meter, measured_at__gte=period.start, measured_at__lt=period.end
    )
    with transaction.atomic():
        return regard_again(meter, list(left_out.values_list("measured_at", flat=True)))


def regard_again(meter: Meter, instants: Iterable[datetime]) -> int:
    """Have readings count that were left out; the number that count again. Safe to call twice."""
    left_out = Disregarded.objects.filter(meter=meter, measured_at__in=set(instants))
    found = sorted(left_out.values_list("measured_at", flat=True))
    left_out.delete()
    touch_instants(meter.pk, found)
    return len(found)
