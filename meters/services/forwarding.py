"""Readings that go on to another Pulso: gathered from changes, posted until they are there.

What must be sent is a row before anything is sent: stretches of meters, written in the transaction
that takes the changes. A batch reads its stretches when it is sent and posts all their readings;
the other side keeps each once, by meter, instant and quantity. So a batch that is sent twice, or
half, changes nothing, and nothing is lost when either side is killed.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from clients.kernel import leases
from clients.kernel.egress import AddressRefused, Unreachable, check_url
from clients.kernel.http import Answer, Unanswered, call
from clients.kernel.leases import Lease
from clients.kernel.tenancy import acting_for
from meters.errors import ForwardingRefused
from meters.models import ForwardBatch, ForwardedMeter, Forwarder, Meter, Reading
from meters.models.quantities import NAMES
from meters.services.followers import FOLLOWERS, take_changes

FOLLOWER: Final = "forwarding"
PATH: Final = "/api/v1/ingest"
COLLECT: Final = timedelta(seconds=10)  # the other side takes ten requests a minute by default
MOST_STRETCHES: Final = 2_000
PAGE: Final = 5_000
LEASE: Final = timedelta(minutes=5)
SLICE_S: Final = 60.0  # of a long batch, then somebody else's turn
DEADLINE: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(minutes=10)
REJECTS_KEPT: Final = 100
OK, TOO_LARGE, UNPROCESSABLE, TOO_MANY, UNAVAILABLE = 200, 413, 422, 429, 503
REFUSED: Final = frozenset({400, UNPROCESSABLE})
Stretch = tuple[int, datetime, datetime]
_encode: Final = msgspec.json.Encoder().encode


def forwarded(meter_ids: Collection[int]) -> set[int]:
    """Which of these meters any active forwarding wants."""
    found: set[int] = set()
    for forwarder in Forwarder.objects.filter(is_active=True):
        found |= _wanted(forwarder, meter_ids)
    return found


FOLLOWERS[FOLLOWER] = forwarded


def gather() -> int:
    """Write down what has changed for each forwarding; how many changes there were. Repeat until 0.

    In the open transaction: the changes are gone when the batches are there.
    """
    changes = take_changes(FOLLOWER)
    for forwarder in Forwarder.objects.filter(is_active=True) if changes else ():
        wanted = _wanted(forwarder, {change.meter_id for change in changes})
        _append(
            forwarder,
            [(c.meter_id, c.starts_at, c.ends_at) for c in changes if c.meter_id in wanted],
        )
    return len(changes)


def send_from(forwarder: Forwarder, since: datetime, *, now: datetime) -> int:
    """Send everything measured from `since` on, of all its meters. Returns how many meters."""
    meters = Meter.objects.order_by("pk").values_list("pk", flat=True)
    wanted = sorted(_wanted(forwarder, set(meters)))
    for start in range(0, len(wanted), MOST_STRETCHES):
        part = wanted[start : start + MOST_STRETCHES]
        _write(forwarder, [(meter_id, since, now) for meter_id in part])
    return len(wanted)


def pause(forwarder: Forwarder) -> None:
    """Send nothing from now on. What waits stays, and nothing new is gathered."""
    Forwarder.objects.filter(pk=forwarder.pk).update(is_active=False)


def resume(forwarder: Forwarder, *, since: datetime | None = None, now: datetime) -> None:
    """Send again: what waits at once, and everything measured from `since` on."""
    Forwarder.objects.filter(pk=forwarder.pk).update(is_active=True)
    ForwardBatch.objects.filter(forwarder=forwarder, due_at__isnull=False).update(due_at=Now())
    if since is not None:
        send_from(forwarder, since, now=now)


def choose_meters(forwarder: Forwarder, chosen: Iterable[tuple[Meter, str]]) -> None:
    """Forward exactly these meters, under these names; none means all, under their own."""
    ForwardedMeter.objects.filter(forwarder=forwarder).delete()
    names = {meter.pk: name for meter, name in chosen}
    ForwardedMeter.objects.bulk_create(
        ForwardedMeter(forwarder=forwarder, meter_id=meter_id, name_there=name)
        for meter_id, name in names.items()
    )


def check(forwarder: Forwarder) -> None:
    """Ask the other side whether it takes our key. Raises ForwardingRefused with its reason."""
    try:
        answer = _post(forwarder, b'{"readings":[]}', timedelta(seconds=8))
    except (Unreachable, Unanswered, AddressRefused) as error:
        raise ForwardingRefused(_in_words(error)) from error
    said = _said(answer)
    if answer.status != UNPROCESSABLE or said.get("code") != "empty":
        raise ForwardingRefused(_refusal(answer, said))


def check_address(url: str) -> None:
    """Refuse an address that is none, or that has more than a host. Raises ForwardingRefused."""
    try:
        check_url(url)
    except AddressRefused as error:
        raise ForwardingRefused(_in_words(error)) from error
    if url.count("/") != 2:  # noqa: PLR2004 - those of https://
        raise ForwardingRefused(_("Write the address without a path, as https://example.com."))


def waiting(forwarder: Forwarder) -> int:
    """How many batches wait to be sent."""
    return ForwardBatch.objects.filter(forwarder=forwarder, due_at__isnull=False).count()


def deliver(limit: int = 4) -> int:
    """Send due batches of any tenant; how many were tried."""
    held = leases.lease(ForwardBatch, limit, LEASE)
    for lease in held:
        _deliver(lease)
    return len(held)


# Gathering --------------------------------------------------------------------------------------


def _wanted(forwarder: Forwarder, meter_ids: Collection[int]) -> set[int]:
    chosen = ForwardedMeter.objects.filter(forwarder=forwarder)
    if not chosen.exists():
        return set(meter_ids)
    return set(chosen.filter(meter_id__in=meter_ids).values_list("meter_id", flat=True))


def _append(forwarder: Forwarder, stretches: list[Stretch]) -> None:
    """Add to a batch that nobody has tried yet, so that a minute's changes are one request."""
    if not stretches:
        return
    untried = ForwardBatch.objects.select_for_update(skip_locked=True).filter(
        forwarder=forwarder, attempts=0, due_at__isnull=False
    )
    batch = untried.order_by("-pk").first()
    if batch is None or len(batch.stretches) + len(stretches) > MOST_STRETCHES:
        _write(forwarder, joined(stretches), delay=COLLECT)
        return
    batch.stretches = _as_json(joined([*_read(batch.stretches), *stretches]))
    batch.save(update_fields=["stretches"])


def _write(
    forwarder: Forwarder, stretches: Iterable[Stretch], delay: timedelta = timedelta()
) -> None:
    ForwardBatch.objects.create(
        forwarder=forwarder, stretches=_as_json(stretches), due_at=Now() + delay
    )


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same time of the same meters in the fewest stretches."""
    found: list[Stretch] = []
    for meter_id, start, end in sorted(stretches):
        if found and found[-1][0] == meter_id and start <= found[-1][2]:
            found[-1] = (meter_id, found[-1][1], max(end, found[-1][2]))
        else:
            found.append((meter_id, start, end))
    return found


def _as_json(stretches: Iterable[Stretch]) -> list[list[Any]]:
    return [[meter_id, start.isoformat(), end.isoformat()] for meter_id, start, end in stretches]


def _read(stored: Iterable[Any]) -> list[Stretch]:
    return [
        (meter_id, datetime.fromisoformat(start), datetime.fromisoformat(end))
        for meter_id, start, end in stored
    ]


# Sending ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Work:
    """A batch being sent: what remains of it, and what the other side has said."""

    forwarder: Forwarder
    remaining: list[Stretch]
    names: Mapping[int, str]
    counts: dict[str, int]
    rejects: list[dict[str, Any]]
    sent: int = 0
    rejected_now: int = 0

    def fields(self) -> dict[str, Any]:
        return {
            "stretches": _as_json(self.remaining),
            **self.counts,
            "rejects": self.rejects[:REJECTS_KEPT],
        }


@dataclass(frozen=True, slots=True)
class _Page:
    rows: list[dict[str, Any]]
    remaining: list[Stretch]


class _TryLater(Exception):
    def __init__(self, error: str, after: timedelta | None = None) -> None:
        super().__init__(error)
        self.after = after


COUNTS: Final = ("accepted", "duplicates", "conflicts", "rejected")


def _deliver(held: Lease) -> None:
    with acting_for(held.tenant_id):
        work = _begin(held)
    if work is None:
        return
    until = time.monotonic() + SLICE_S
    failure: _TryLater | None = None
    while work.remaining and failure is None and time.monotonic() < until:
        with acting_for(held.tenant_id):
            page = _next_page(work)
        try:
            if page.rows:
                _send(work, page.rows)
            work.remaining = page.remaining
        except _TryLater as error:
            failure = error
    with acting_for(held.tenant_id):
        _end(held, work, failure)


def _begin(held: Lease) -> _Work | None:
    batch = ForwardBatch.objects.select_related("forwarder").get(pk=held.id)
    forwarder = batch.forwarder
    if not forwarder.is_active:
        leases.postpone(ForwardBatch, held, LONGEST_WAIT, "paused")
        return None
    stretches = _read(batch.stretches)
    meter_ids = {meter_id for meter_id, _start, _end in stretches}
    names = dict(Meter.objects.filter(pk__in=meter_ids).values_list("pk", "serial"))
    chosen = ForwardedMeter.objects.filter(forwarder=forwarder).exclude(name_there="")
    names |= dict(chosen.filter(meter_id__in=meter_ids).values_list("meter_id", "name_there"))
    forwarder.device_key  # noqa: B018 - opened while the tenant is
    counts = {name: getattr(batch, name) for name in COUNTS}
    return _Work(forwarder, stretches, names, counts, list(batch.rejects))


def _next_page(work: _Work) -> _Page:
    """Readings of the first stretches, oldest first, and the stretches that are left after them."""
    rows: list[dict[str, Any]] = []
    remaining = list(work.remaining)
    while remaining and len(rows) < PAGE:
        meter_id, start, end = remaining[0]
        wanted = PAGE - len(rows)
        found = Reading.objects.filter(
            meter_id=meter_id, measured_at__gte=start, measured_at__lt=end
        ).order_by("measured_at")[: wanted + 1]
        said = [_as_said(work.names.get(meter_id, ""), reading) for reading in found]
        rows += said[:wanted]
        if len(said) > wanted:
            remaining[0] = (meter_id, said[wanted]["measured_at"], end)
        else:
            del remaining[0]
    return _Page(rows, remaining)


def _as_said(name: str, reading: Reading) -> dict[str, Any]:
    said = {column: getattr(reading, column) for column in (*NAMES, "extra")}
    return {
        "meter": name,
        "measured_at": reading.measured_at,
        **{column: value for column, value in said.items() if value is not None},
    }


def _send(work: _Work, rows: list[dict[str, Any]]) -> None:
    try:
        answer = _post(work.forwarder, _encode({"readings": rows}), DEADLINE)
    except (Unreachable, Unanswered, AddressRefused) as error:
        raise _TryLater(_in_words(error)) from error
    said = _said(answer)
    if answer.status == OK and all(isinstance(said.get(name), int) for name in COUNTS):
        _count(work, rows, said)
    elif answer.status == TOO_LARGE and len(rows) > 1:
        _send(work, rows[: len(rows) // 2])
        _send(work, rows[len(rows) // 2 :])
    elif answer.status in REFUSED:
        _keep_refusal(work, rows, str(said.get("code", "refused")))
    else:
        raise _TryLater(_refusal(answer, said), _wait_asked(answer))


def _count(work: _Work, rows: list[dict[str, Any]], said: dict[str, Any]) -> None:
    for name in COUNTS:
        work.counts[name] += said[name]
    work.sent += len(rows)
    work.rejected_now += said["rejected"]
    for item in said.get("items", []):
        if item.get("outcome") == "rejected" and 0 <= item.get("item", -1) < len(rows):
            _keep(work, rows[item["item"]], str(item.get("code", "")))


def _keep_refusal(work: _Work, rows: list[dict[str, Any]], code: str) -> None:
    """Nothing of the page was understood over there; sending it again would not help."""
    work.counts["rejected"] += len(rows)
    work.rejected_now += len(rows)
    for row in rows:
        _keep(work, row, code)


def _keep(work: _Work, row: dict[str, Any], code: str) -> None:
    if len(work.rejects) < REJECTS_KEPT:
        at = row["measured_at"].isoformat()
        work.rejects.append({"meter": row["meter"], "measured_at": at, "code": code[:40]})


def _end(held: Lease, work: _Work, failure: _TryLater | None) -> None:
    """Keep what was reached. Whoever lost the lease meanwhile keeps nothing."""
    forwarder = Forwarder.objects.filter(pk=work.forwarder.pk)
    if failure is not None:
        wait = failure.after or min(timedelta(seconds=5 * 2 ** min(held.attempt, 10)), LONGEST_WAIT)
        leases.postpone(ForwardBatch, held, wait, str(failure), **work.fields())
        forwarder.filter(failed_at__isnull=True).update(failed_at=Now())
        forwarder.update(last_error=str(failure)[:300])
    elif work.remaining:
        leases.postpone(ForwardBatch, held, timedelta(), "", **work.fields())
    else:
        leases.done(ForwardBatch, held, sent_at=Now(), **work.fields())
        forwarder.update(failed_at=None, last_error="")
    if work.sent or work.rejected_now:
        forwarder.update(
            sent_at=Now(),
            sent_count=F("sent_count") + work.sent,
            rejected_count=F("rejected_count") + work.rejected_now,
        )


def _post(forwarder: Forwarder, body: bytes, deadline: timedelta) -> Answer:
    return call(
        "POST",
        f"{forwarder.url.rstrip('/')}{PATH}",
        service="forwarding",
        account=f"forwarding:{forwarder.tenant_id}:{forwarder.pk}",
        headers={
            "authorization": f"Bearer {forwarder.device_key}",
            "content-type": "application/json",
            "content-encoding": "gzip",
        },
        content=gzip.compress(body, compresslevel=5),
        deadline=deadline,
    )


def _said(answer: Answer) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _wait_asked(answer: Answer) -> timedelta | None:
    asked = answer.headers.get("retry-after", "")
    return timedelta(seconds=min(int(asked) + 1, 600)) if asked.isdigit() else None


def _in_words(error: Exception) -> str:
    if isinstance(error, AddressRefused):
        return _(
            "Pulso does not call this address. Whoever runs Pulso lists a private one, with its "
            "port, in HTTP_ALLOWED_PRIVATE."
        )
    if isinstance(error, Unreachable):
        return _("Nobody answers at this address.")
    return _("The answer did not arrive.")


def _refusal(answer: Answer, said: dict[str, Any]) -> str:
    if answer.status in {401, 403}:
        return _("The other side does not know the device key, or has revoked it.")
    if answer.status == TOO_MANY:
        return _("The other side takes fewer requests a minute from this key.")
    if answer.status == UNAVAILABLE:
        return _("The other side cannot store readings now.")
    return _("The other side answered %(status)d %(code)s: it does not seem to be Pulso.") % {
        "status": answer.status,
        "code": str(said.get("code", ""))[:40],
    }
