"""What people fill in: typed values and estimates they ask for. Both can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import connection, transaction
from django.utils.translation import gettext as _

from clients.kernel import when
from clients.kernel.periods import Period
from clients.kernel.tenancy import current_tenant_id
from meters.errors import BadEdit, Doubtful
from meters.models import Edit, EditKind, Installation, Interval, Meter, Method
from meters.models.interval import INTERVAL_SECONDS, ML_PER_L, WS_PER_WH
from meters.selectors.register_events import measure
from meters.services import estimation
from meters.services import interval_sql as sql
from meters.services.meter_facts import COLUMNS, MAIN_REGISTERS, MOST_AMOUNT, most_in, too_much
from meters.services.touching import touch

QUARTER: Final = timedelta(seconds=INTERVAL_SECONDS)
LONGEST: Final = timedelta(days=62)


def edit_interval(
    meter: Meter,
    period: Period,
    amount: int,
    *,
    reason: str,
    author: str,
    register: str = "",
    anyway: bool = False,
) -> Edit:
    """Have `amount` (Wh or L) stand for the period, spread evenly, whatever readings say.

    The period is in whole quarter-hours. Survives every computation until it is undone. Raises
    Doubtful for more than the meter can deliver, unless `anyway`.
    """
    count = _checked(period, reason)
    register = register or MAIN_REGISTERS[meter.kind]
    if register not in COLUMNS:
        raise BadEdit(_("%(register)s is not a register.") % {"register": register})
    if amount < 0:
        raise BadEdit(_("An amount is not negative."), "negative")
    if amount > MOST_AMOUNT:
        raise BadEdit(too_much(), "out_of_range")
    if not anyway and amount > _most(meter, period, register):
        raise Doubtful(
            _("%(amount)s in %(time)s is more than the meter can deliver. Tick to book it anyway.")
            % {"amount": measure(register, amount), "time": when.duration(period.duration)}
        )
    unit = ML_PER_L if register == "volume_l" else WS_PER_WH
    values = estimation.apportioned(amount * unit, [1] * count)
    return _kept(
        meter,
        period,
        values,
        kind=EditKind.EDIT,
        column=COLUMNS[register],
        reason=reason,
        author=author,
    )


def estimate_gap(
    meter: Meter, period: Period, method: Method | str, *, author: str, reason: str = ""
) -> Edit:
    """Fill quarter-hours about which nothing is known; readings that come late take their place.

    `reference_days` fills them like similar days before; `linear` joins the quarter-hours at both
    ends. Raises BadEdit when there is nothing to fill or nothing to go by.
    """
    reason = reason or _("No readings")
    count = _checked(period, reason)
    known = Interval.objects.filter(
        meter=meter, starts_at__gte=period.start, starts_at__lt=period.end
    )
    if known.count() == count:
        raise BadEdit(
            _("All of this period is known; type values to change it."), "nothing_to_fill"
        )
    register = MAIN_REGISTERS[meter.kind]
    column = COLUMNS[register]
    values: Sequence[int] | None
    if method == Method.REFERENCE_DAYS:
        values, days = estimation.like_similar_days(meter, period, column)
    else:
        values, days = _joined(meter, period, column, count), []
    if values is None:
        raise BadEdit(_("There are no similar days to go by."), "nothing_to_go_by")
    return _kept(
        meter,
        period,
        values,
        kind=EditKind.ESTIMATE,
        column=column,
        reason=reason,
        author=author,
        method=Method(method),
        days=days,
    )


def undo_edit(edit: Edit, *, author: str, now: datetime) -> None:
    """Have what readings say stand again. Safe to call twice."""
    still = Edit.objects.filter(pk=edit.pk, undone_at=None)
    if still.update(undone_at=now, undone_by=author):
        touch([(edit.meter_id, edit.starts_at, edit.ends_at)])
    edit.refresh_from_db()


def apply_edits(meter_ids: list[int], starts: list[datetime], ends: list[datetime]) -> None:
    """Lay what people filled in over the intervals just computed."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.EDITS,
            {
                "tenant": current_tenant_id(),
                "meters": meter_ids,
                "starts": starts,
                "ends": ends,
            },
        )


def _most(meter: Meter, period: Period, register: str) -> float:
    """What the meter can deliver then, behind its transformers."""
    serving = Installation.objects.filter(meter=meter, starts_at__lt=period.end).exclude(
        ends_at__lte=period.start
    )
    behind = max(serving.values_list("multiplier", flat=True), default=Decimal(1))
    return most_in(meter, register, period.duration.total_seconds()) * float(behind)


def _checked(period: Period, reason: str) -> int:
    """How many quarter-hours the period has."""
    if not reason.strip():
        raise BadEdit(_("Say why."), "reason_missing")
    seconds = period.start.timestamp(), period.end.timestamp()
    if any(second % INTERVAL_SECONDS for second in seconds):
        raise BadEdit(_("Begin and end on a quarter-hour."), "off_the_quarter")
    if not timedelta() < period.duration <= LONGEST:
        raise BadEdit(_("The period must be between 15 minutes and 62 days."), "bad_period")
    return int(period.duration / QUARTER)


def _joined(meter: Meter, period: Period, column: str, count: int) -> list[int] | None:
    """A straight line between the quarter-hours before and after, at 1 when one is unknown."""
    near = dict(
        Interval.objects.filter(
            meter=meter, starts_at__in=[period.start - QUARTER, period.end]
        ).values_list("starts_at", column)
    )
    before, after = near.get(period.start - QUARTER), near.get(period.end)
    if before is None and after is None:
        return None
    first = before if before is not None else after or 0
    last = after if after is not None else first
    return [first + (last - first) * place // (count + 1) for place in range(1, count + 1)]


def _kept(
    meter: Meter,
    period: Period,
    values: Sequence[int],
    *,
    kind: EditKind,
    column: str,
    reason: str,
    author: str,
    method: Method | str = "",
    days: Sequence[object] = (),
) -> Edit:
    with transaction.atomic():
        edit = Edit.objects.create(
            tenant_id=current_tenant_id(),
            meter=meter,
            kind=kind,
            method=method,
            days=list(days),
            starts_at=period.start,
            ends_at=period.end,
            column=column,
            values=list(values),
            reason=reason,
            author=author,
        )
        touch([(meter.pk, period.start, period.end)])
    return edit
