"""What LoRaWAN meters say through ChirpStack, kept once.

The request carries a device key: the same thing that opens the ingest endpoint, made, shown once,
replaced and revoked in the same place; it says which meters may be spoken for. An uplink that was
kept is known by the server's own id, and for a few minutes by the device's frame counter, in case
two servers heard it. An answer means that the readings are committed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from django.db import connections
from django.utils.translation import gettext_noop as _

from clients.kernel.tenancy import acting_for
from meters.drivers.base import BadTarget
from meters.drivers.chirpstack import COUNTER_RESET, Event, event_of, fields_of, values_of
from meters.drivers.pushed import Malformed
from meters.errors import BadReadings, Unprocessable
from meters.models import Connection, ConnectionDriver, ConnectionState, Uplink
from meters.models.quantities import QUANTITIES
from meters.services.ingest import INGEST, NEWEST, OLDEST, store_readings
from meters.services.outages import translated
from meters.services.samples import samples_of

logger = logging.getLogger(__name__)

MARK: Final = "plsk_"
SAME_FRAME_WITHIN: Final = timedelta(minutes=5)
KNOWN_FOR: Final = timedelta(days=2)
UNITS: Final = {quantity.name: quantity.unit for quantity in QUANTITIES}
SENDER: Final = (
    "SELECT key_id, tenant_id, rate_per_minute, meters FROM meters_senders(ARRAY[%s::bytea])"
)
TENANTS: Final = "SELECT meters_tenants_with_meters()"


@dataclass(frozen=True, slots=True)
class Door:
    """A device key that was shown: whose it is, how often it may, and its meters by name."""

    key_id: int
    tenant_id: int
    rate_per_minute: int | None
    meters: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event."""

    stored: int = 0
    is_duplicate: bool = False
    note: str = ""


def door_of(secret: str) -> Door | None:
    """Who may enter with this key. Raises StorageUnavailable."""
    if not secret.startswith(MARK):
        return None
    digest = hashlib.sha256(secret.encode()).digest()
    with translated(), connections[INGEST].cursor() as cursor:
        cursor.execute(SENDER, [digest])
        found = cursor.fetchone()
    if found is None:
        return None
    key_id, tenant_id, rate, said = found
    meters = json.loads(said) if isinstance(said, str) else said
    by_name = {name.lower(): meter_id for name, meter_id in meters.items()}
    return Door(key_id, tenant_id, rate, by_name)


def keep_event(door: Door, kind: str, said: Mapping[str, Any], *, now: datetime) -> Outcome:
    """Keep what an event says. Safe to call twice.

    Raises Unprocessable (it will never be understood) and StorageUnavailable (send it again).
    """
    try:
        event = event_of(said)
    except Malformed as refusal:
        raise _refused(refusal.reason) from refusal
    with translated():
        return _keep(door, kind, event, now)


def forget_uplinks(now: datetime) -> int:
    """Forget which uplinks were kept two days ago, of every tenant; the number of those."""
    with connections["default"].cursor() as cursor:
        cursor.execute(TENANTS)
        tenants = [row[0] for row in cursor.fetchall()]
    forgotten = 0
    for tenant_id in tenants:
        with acting_for(tenant_id):
            forgotten += Uplink.objects.filter(heard_at__lt=now - KNOWN_FOR).delete()[0]
    return forgotten


def _keep(door: Door, kind: str, event: Event, now: datetime) -> Outcome:
    with acting_for(door.tenant_id):
        connection = Connection.objects.filter(
            driver=ConnectionDriver.CHIRPSTACK, address__iexact=event.dev_eui
        ).first()
    meter_id = connection.meter_id if connection else door.meters.get(event.dev_eui)
    if meter_id is None or meter_id not in door.meters.values():
        raise Unprocessable(
            _("This key does not report a device “%(name)s”."),
            code="unknown_device",
            name=event.dev_eui,
        )
    if kind == "up":
        return _keep_uplink(door, event, meter_id, connection, now)
    with acting_for(door.tenant_id):
        return _note(kind, event, meter_id, connection, now)


def _keep_uplink(
    door: Door, event: Event, meter_id: int, connection: Connection | None, now: datetime
) -> Outcome:
    measured_at = event.at or now
    is_possible = now - OLDEST <= measured_at <= now + NEWEST
    with acting_for(door.tenant_id):
        if is_possible and _is_known(event, meter_id, measured_at):
            return Outcome(is_duplicate=True)
    try:
        fields = fields_of(connection.options if connection else {}, UNITS)
        values = values_of(fields, UNITS, event.said or {})
    except BadTarget as error:
        _tell(door, connection, error.error_code, now)
        return Outcome(note=error.error_code)  # for a person here; the server can do nothing
    except Malformed as refusal:
        _tell(door, connection, refusal.reason, now)
        raise _refused(refusal.reason) from refusal
    stored = 0
    if values:
        row = {"meter": "it", "measured_at": measured_at, **values}
        stored = store_readings(
            door.tenant_id, {"it": meter_id}, samples_of([row]), now=now
        ).accepted
    if not is_possible:  # its values wait in quarantine, once; there is nothing to know it by
        _tell(door, connection, "impossible_time", now)
        return Outcome(note="impossible_time")
    with acting_for(door.tenant_id):
        Uplink.objects.get_or_create(
            deduplication_id=event.deduplication_id or uuid4(),
            defaults={
                "tenant_id": door.tenant_id,
                "meter_id": meter_id,
                "frame_counter": event.frame_counter,
                "heard_at": measured_at,
            },
        )
    _tell(door, connection, "" if values else "no_values", now)
    return Outcome(stored=stored, note="" if values else "no_values")


def _is_known(event: Event, meter_id: int, measured_at: datetime) -> bool:
    own = event.deduplication_id
    if own is not None and Uplink.objects.filter(deduplication_id=own).exists():
        return True
    if event.frame_counter is None:
        return False
    around = (measured_at - SAME_FRAME_WITHIN, measured_at + SAME_FRAME_WITHIN)
    same = Uplink.objects.filter(meter_id=meter_id, frame_counter=event.frame_counter)
    return same.filter(heard_at__range=around).exists()


def _note(
    kind: str, event: Event, meter_id: int, connection: Connection | None, now: datetime
) -> Outcome:
    """What is not an uplink: the device counts from zero again, or something is wrong with it."""
    code = event.code.lower() if kind == "log" else ""
    if kind == "join" or event.code == COUNTER_RESET:
        Uplink.objects.filter(meter_id=meter_id).update(frame_counter=None)
    if connection is not None:
        facts = {"event": kind, "at": now.isoformat()} | ({"log": code} if code else {})
        Connection.objects.filter(pk=connection.pk).update(
            error_facts=facts, last_tried_at=now, last_error=code
        )
    logger.info("lorawan event", extra={"meter_id": meter_id, "kind": kind, "log_code": code})
    return Outcome(note=code)


def _tell(door: Door, connection: Connection | None, error: str, now: datetime) -> None:
    if connection is None:
        return
    state = ConnectionState.WRONG if error else ConnectionState.OK
    heard = {} if error else {"last_ok_at": now, "failures": 0, "error_facts": {}}
    with acting_for(door.tenant_id):
        rows = Connection.objects.filter(pk=connection.pk).exclude(state=ConnectionState.PAUSED)
        rows.update(state=state, last_error=error, last_tried_at=now, **heard)


def _refused(reason: str) -> BadReadings:
    return Unprocessable(
        _("The event is not understood (%(reason)s)."), code="malformed_event", reason=reason
    )
