"""What a person says about an exception: keep it, leave it out, estimate it, look at it first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from clients.kernel.periods import Period
from clients.kernel.tenancy import current_tenant_id
from meters.errors import BadEdit, ExceptionDecided, NothingToLeaveOut
from meters.models import (
    UNDECIDED,
    Disregarded,
    Edit,
    EditKind,
    ExceptionState,
    MeterException,
    Method,
    Reading,
    Resolution,
)
from meters.models.interval import INTERVAL_SECONDS
from meters.services.disregarding import MOST_READINGS, disregard_readings, regard_again
from meters.services.editing import estimate_gap, undo_edit
from meters.services.intervals import recompute_touched
from meters.services.validation.catalogue import CATALOGUE

COMPUTED_AT_MOST: Final = 5  # slices: a person waits


def acknowledge_exception(
    row: MeterException, *, author: str, note: str = "", now: datetime
) -> MeterException:
    """Say that somebody looks at it. Safe to call twice."""
    with transaction.atomic():
        row = _undecided(row)
        row.state = ExceptionState.ACKNOWLEDGED
        return _signed(row, author, note, now)


def accept_exception(
    row: MeterException, *, author: str, note: str = "", now: datetime
) -> MeterException:
    """Keep the readings: they are right. Nothing is computed anew."""
    with transaction.atomic():
        return _resolved(_undecided(row), Resolution.ACCEPTED, author, note, now)


def accept_exceptions(
    rows: Iterable[MeterException], *, author: str, note: str = "", now: datetime
) -> int:
    """Keep them all; those that somebody has decided stay as they are. Safe to call twice."""
    wanted = [row.pk for row in rows]
    with transaction.atomic():
        found = MeterException.objects.filter(pk__in=wanted, state__in=UNDECIDED)
        undecided = list(found.select_for_update())
        for row in undecided:
            _resolved(row, Resolution.ACCEPTED, author, note, now)
    return len(undecided)


def readings_in(row: MeterException) -> int:
    """How many readings leaving out the stretch concerns; 0 where that is no answer."""
    if not CATALOGUE[row.rule].can_leave_out:
        return 0
    return _readings(row).count()


def disregard_exception(
    row: MeterException, *, author: str, note: str = "", now: datetime
) -> MeterException:
    """Leave the stretch's readings out of everything computed. They stay stored."""
    with transaction.atomic():
        row = _undecided(row)
        _leave_out(row, author, note)
        return _resolved(row, Resolution.DISREGARDED, author, note, now)


def estimate_exception(
    row: MeterException, *, author: str, note: str = "", now: datetime
) -> MeterException:
    """Fill the stretch like similar days, or evenly where there are none.

    Readings that are not believed are left out first. Raises BadEdit when there is nothing to fill.
    """
    with transaction.atomic():
        row = _undecided(row)
        if CATALOGUE[row.rule].can_leave_out:
            _leave_out(row, author, note)
            for _slice in range(COMPUTED_AT_MOST):
                if not recompute_touched(current_tenant_id()):
                    break
        period, reason = whole_quarters(row), _reason(row, note)
        try:
            with transaction.atomic():
                estimate_gap(row.meter, period, Method.REFERENCE_DAYS, author=author, reason=reason)
        except BadEdit as error:
            if error.error_code != "nothing_to_go_by":
                raise
            estimate_gap(row.meter, period, Method.LINEAR, author=author, reason=reason)
        return _resolved(row, Resolution.ESTIMATED, author, note, now)


def reopen_exception(
    row: MeterException, *, author: str, note: str = "", now: datetime
) -> MeterException:
    """Take a decision back: readings left out for it count again, its estimate is undone."""
    with transaction.atomic():
        row = MeterException.objects.select_for_update().get(pk=row.pk)
        if row.state != ExceptionState.RESOLVED:
            return row
        left_out = Disregarded.objects.filter(
            meter_id=row.meter_id,
            rule=row.rule,
            measured_at__gte=row.starts_at,
            measured_at__lt=row.ends_at,
        )
        regard_again(row.meter, left_out.values_list("measured_at", flat=True))
        if row.resolution == Resolution.ESTIMATED:
            _undo_estimate(row, author, now)
        row.state, row.resolution = ExceptionState.OPEN, ""
        return _signed(row, author, note, now)


def take_back_edit(edit: Edit, *, author: str, now: datetime) -> list[MeterException]:
    """Have what readings say stand again. Safe to call twice.

    An estimate that answered a suspect stretch goes with that decision: readings left out for it
    count again and the stretch waits again. Returns the stretches that wait because of it.
    """
    with transaction.atomic():
        still = Edit.objects.select_for_update().filter(pk=edit.pk, undone_at=None).exists()
        rows = _answered_by(edit) if still else []
        reopened = [reopen_exception(row, author=author, now=now) for row in rows]
        undo_edit(edit, author=author, now=now)
    return reopened


def _answered_by(edit: Edit) -> list[MeterException]:
    """The decided stretches that this estimate fills."""
    if edit.kind != EditKind.ESTIMATE:
        return []
    rows = MeterException.objects.filter(
        meter_id=edit.meter_id,
        state=ExceptionState.RESOLVED,
        resolution=Resolution.ESTIMATED,
        starts_at__gte=edit.starts_at,
        starts_at__lt=edit.starts_at + timedelta(seconds=INTERVAL_SECONDS),
    )
    return [row for row in rows if whole_quarters(row).end >= edit.ends_at]


def _undo_estimate(row: MeterException, author: str, now: datetime) -> None:
    period = whole_quarters(row)  # it may have grown since
    edits = Edit.objects.filter(
        meter_id=row.meter_id,
        kind=EditKind.ESTIMATE,
        starts_at=period.start,
        ends_at__lte=period.end,
        undone_at=None,
    )
    for edit in edits:
        undo_edit(edit, author=author, now=now)


def whole_quarters(row: MeterException) -> Period:
    """The stretch, from the quarter-hour in which it begins to the one in which it ends."""
    step = timedelta(seconds=INTERVAL_SECONDS)
    start = row.starts_at - timedelta(
        seconds=row.starts_at.timestamp() % INTERVAL_SECONDS,
    )
    over = timedelta(seconds=row.ends_at.timestamp() % INTERVAL_SECONDS)
    return Period(start, row.ends_at - over + (step if over else timedelta()))


def _undecided(row: MeterException) -> MeterException:
    """The row as it is now, kept from others; raises ExceptionDecided."""
    found = MeterException.objects.select_for_update().get(pk=row.pk)
    if found.state not in UNDECIDED:
        raise ExceptionDecided(
            _("This has been decided already: %(decision)s.")
            % {"decision": found.get_resolution_display()}
        )
    return found


def _readings(row: MeterException) -> QuerySet[Reading, datetime]:
    rows = Reading.objects.filter(
        meter_id=row.meter_id, measured_at__gte=row.starts_at, measured_at__lt=row.ends_at
    )
    return rows.order_by("measured_at").values_list("measured_at", flat=True)


def _leave_out(row: MeterException, author: str, note: str) -> None:
    instants = list(_readings(row)[: MOST_READINGS + 1])
    if not CATALOGUE[row.rule].can_leave_out or not instants:
        raise NothingToLeaveOut(_("There is no reading here that could be left out."))
    if len(instants) > MOST_READINGS:
        raise NothingToLeaveOut(
            _("More than %(n)s readings at once cannot be left out.") % {"n": MOST_READINGS}
        )
    disregard_readings(row.meter, instants, reason=_reason(row, note), rule=row.rule, author=author)


def _reason(row: MeterException, note: str) -> str:
    return (note or str(row.get_rule_display()))[:200]


def _resolved(
    row: MeterException, resolution: Resolution, author: str, note: str, now: datetime
) -> MeterException:
    row.state, row.resolution = ExceptionState.RESOLVED, resolution
    return _signed(row, author, note, now)


def _signed(row: MeterException, author: str, note: str, now: datetime) -> MeterException:
    row.decided_by, row.decided_at = author[:120], now
    row.note = note or row.note
    row.save()
    return row
