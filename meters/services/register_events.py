"""Events of registers: kept as they are found, confirmed and corrected by people."""

from __future__ import annotations

from copy import copy
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from clients.kernel import when
from clients.kernel.tenancy import current_tenant_id
from meters.errors import BadDecision, Doubtful
from meters.models import EventKind, EventState, Meter, RegisterEvent
from meters.selectors.register_events import measure, used_in
from meters.services.corrected import Corrected
from meters.services.detection import EXCURSIONS, UNKNOWN, Found
from meters.services.meter_facts import MOST_AMOUNT, instant, most_in, too_much
from meters.services.touching import A_MOMENT, touch

MOST_FACTOR: Final = 1_000_000
# What a person may say instead. Readings can only be left out where some were found to be.
CORRECTIONS: Final = (
    EventKind.ROLLOVER,
    EventKind.RESET,
    EventKind.SCALE,
    EventKind.DROP,
    EventKind.JUMP,
    EventKind.REAL,
    EventKind.EXCHANGE,
)


def keep_events(made: Corrected) -> bool:
    """Have the stretch's detected events stored, and no others; whether anything changed.

    What people decided is left as it is.
    """
    has_changed = False
    for register, (events, until) in made.events.items():
        found = {(e.kind, instant(e.starts)): e for e in events if not e.is_decided}
        stored = RegisterEvent.objects.filter(
            meter_id=made.facts.meter_id,
            register=register,
            state=EventState.DETECTED,
            starts_at__gte=instant(made.starts),
            starts_at__lt=instant(until),
        )
        for row in stored:
            event = found.pop((EventKind(row.kind), row.starts_at), None)
            if event is None:
                row.delete()
                has_changed = True
            elif _differs(row, event):
                _fill(row, event)
                row.save()
                has_changed = True
        for event in found.values():
            row = RegisterEvent(
                tenant_id=current_tenant_id(), meter_id=made.facts.meter_id, register=register
            )
            _fill(row, event)
            row.save()
            has_changed = True
    return has_changed


def _facts_of(event: Found) -> dict[str, object]:
    return {
        "kind": event.kind,
        "detected_kind": event.kind,
        "starts_at": instant(event.starts),
        "ends_at": instant(event.ends),
        "value_before": event.before,
        "value_between": event.between,
        "value_after": event.after,
        "left_out": event.left_out,
        "offset": event.offset,
        "factor": Decimal(event.factor.numerator) / event.factor.denominator,
    }


def _differs(row: RegisterEvent, event: Found) -> bool:
    return any(getattr(row, name) != value for name, value in _facts_of(event).items())


def _fill(row: RegisterEvent, event: Found) -> None:
    for name, value in _facts_of(event).items():
        setattr(row, name, value)


def confirm_event(
    event: RegisterEvent, *, author: str, now: datetime, note: str = ""
) -> RegisterEvent:
    """Say that the event is what it was taken for. Late readings no longer change it."""
    return _decide(event, EventState.CONFIRMED, author=author, now=now, note=note)


def correct_event(
    event: RegisterEvent,
    kind: EventKind | str,
    *,
    author: str,
    now: datetime,
    note: str = "",
    used: int | None = None,
    factor: Decimal | None = None,
    anyway: bool = False,
) -> RegisterEvent:
    """Say what it was instead; intervals and days follow.

    `real`: the value after is right; with `used` (Wh or L), so much was used in between. `scale`
    needs the factor by which values from then on are multiplied. `drop` and `jump` leave it open.
    Raises Doubtful when that books more than the meter can deliver, unless `anyway`.
    """
    if not event.register:
        raise BadDecision(_("What a person did to the meter is not corrected here."), "bad_kind")
    if kind not in CORRECTIONS and kind != event.detected_kind:
        raise BadDecision(_("An event cannot be corrected to this."), "bad_kind")
    if kind == EventKind.SCALE and not factor:
        raise BadDecision(_("Say by what values are to be multiplied."), "factor_missing")
    if kind == EventKind.ROLLOVER and not event.meter.modulus:
        raise BadDecision(_("Say first how many digits the register has."), "digits_missing")
    if used is not None and used < 0:
        raise BadDecision(_("An amount is not negative."), "negative")
    if used is not None and used * _behind(event) > MOST_AMOUNT:
        raise BadDecision(too_much(), "out_of_range")
    if factor is not None and not 0 <= factor <= MOST_FACTOR:
        raise BadDecision(
            _("Values can be multiplied by at most %(most)s.") % {"most": MOST_FACTOR},
            "out_of_range",
        )
    event = _explained(event, EventKind(kind), used, factor)
    if not anyway:
        _refuse_impossible(event)
    if kind not in EXCURSIONS:
        event.value_between, event.left_out = None, 0
    return _decide(event, EventState.CORRECTED, author=author, now=now, note=note)


def would_book(
    event: RegisterEvent, kind: EventKind, used: int | None = None, factor: Decimal | None = None
) -> Decimal | None:
    """What would count as used (Wh or L) if that was what it was; None: it stays unknown."""
    return used_in(_explained(copy(event), kind, used, factor))


def _explained(
    event: RegisterEvent, kind: EventKind, used: int | None, factor: Decimal | None
) -> RegisterEvent:
    """The event as one of that kind, not saved."""
    event.kind = kind
    event.factor = factor if kind == EventKind.SCALE else Decimal(1)
    event.offset = _offset(event, used)
    return event


def _refuse_impossible(event: RegisterEvent) -> None:
    booked, time = used_in(event), event.ends_at - event.starts_at
    if booked is None or booked <= most_in(event.meter, event.register, time.total_seconds()):
        return
    raise Doubtful(
        _("%(amount)s in %(time)s is more than the meter can deliver. Tick to book it anyway.")
        % {"amount": measure(event.register, booked), "time": when.duration(time)}
    )


def _behind(event: RegisterEvent) -> Decimal:
    """The largest transformers the meter ever served behind: each unit stands for so many."""
    serving = event.meter.installations.values_list("multiplier", flat=True)
    return max(serving, default=Decimal(1))


def _offset(event: RegisterEvent, used: int | None) -> int | None:
    """What is added to the values after it, so that they go on from those before."""
    before, after = event.value_before or 0, event.value_after or 0
    if event.kind == EventKind.ROLLOVER:
        modulus: int | None = event.meter.modulus
        return modulus
    if event.kind == EventKind.RESET:
        return before
    if event.kind in UNKNOWN:
        return None
    if event.kind == EventKind.REAL and used is not None:
        return used + before - after
    return 0


def reopen_event(event: RegisterEvent) -> None:
    """Take the decision back: readings alone say again what it was."""
    if not event.register or event.state == EventState.DETECTED:
        raise BadDecision(_("There is no decision to take back."), "nothing_to_undo")
    with transaction.atomic():
        touch([(event.meter_id, event.starts_at, _end_of(event))])
        event.delete()


def _decide(
    event: RegisterEvent, state: EventState, *, author: str, now: datetime, note: str
) -> RegisterEvent:
    with transaction.atomic():
        event.state, event.decided_by, event.decided_at = state, author, now
        event.note = note
        event.save()
        if event.register:
            touch([(event.meter_id, event.starts_at, _end_of(event))])
    return event


def _end_of(event: RegisterEvent) -> datetime:
    """At least a moment after the start, so that there is something to touch."""
    return max(event.ends_at, event.starts_at + A_MOMENT)


def note_event(
    meter: Meter,
    kind: EventKind,
    *,
    at: datetime,
    author: str = "",
    before: int | None = None,
    after: int | None = None,
    factor: Decimal | None = None,
    note: str = "",
) -> RegisterEvent:
    """Write down what a person did to the meter: exchanged it, or changed its ratio."""
    return RegisterEvent.objects.create(
        tenant_id=current_tenant_id(),
        meter=meter,
        kind=kind,
        detected_kind=kind,
        state=EventState.CONFIRMED,
        starts_at=at,
        ends_at=at,
        value_before=before,
        value_after=after,
        factor=factor,
        decided_by=author,
        note=note,
    )
