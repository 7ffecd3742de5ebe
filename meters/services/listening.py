"""What devices say over MQTT, kept.

A letter is acknowledged when `take` returns, so what it says is committed by then. When it was
measured: the payload's own time, read in the site's zone when it has no offset; otherwise the
moment it arrived, if it is live. A message without a time that waited at the broker, or was
retained there, says nothing about any instant: it is counted as undated and not kept, since a
register dated hours late would put all use of those hours into one second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import F
from django.utils import timezone

from clients.kernel.fields import CannotDecrypt
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.drivers.mqtt import DIALECTS, Account, Letter
from meters.drivers.pushed import Listener, Malformed, Presence, Said, is_topic
from meters.errors import BadReadings, StorageUnavailable
from meters.events import history_wanted
from meters.models import (
    BrokerState,
    Connection,
    ConnectionState,
    HistoryGap,
    Installation,
    MqttBroker,
    Reading,
)
from meters.services.ingest import Answer, store_readings
from meters.services.outages import translated
from meters.services.samples import samples_of

logger = logging.getLogger(__name__)

TELL_EVERY: Final = timedelta(seconds=5)
GAP: Final = timedelta(minutes=3)  # a Shelly says its counters once a minute
LONGEST_GAP: Final = timedelta(days=60)  # no device remembers more
CHANNEL: Final = "channel"
BROKER: Final = "broker"
OFFLINE: Final = "device_offline"


@dataclass(frozen=True, slots=True)
class Route:
    """A connection whose device speaks on a topic."""

    connection_id: int
    meter_id: int
    meter: str
    driver: str
    listener: Listener
    remembers: bool


@dataclass(slots=True)
class _Found:
    """What a batch of letters said."""

    messages: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)  # of the rows
    presence: dict[int, bool] = field(default_factory=dict)
    malformed: int = 0
    unknown: int = 0
    undated: int = 0
    last_malformed: dict[str, str] = field(default_factory=dict)


class BrokerReader:
    """Everything that is said on one broker, for one tenant."""

    def __init__(
        self, tenant_id: int, broker_id: int, *, clock: Callable[[], datetime] = timezone.now
    ) -> None:
        self.tenant_id, self.broker_id, self.clock = tenant_id, broker_id, clock
        self.routes: Mapping[str, tuple[Route, ...]] = {}
        self._counted = _Found()
        self._readings = 0
        self._heard: dict[int, datetime] = {}  # connection → when it was last understood
        self._registers: dict[int, datetime] = {}  # meter → its newest register
        self._told_at: datetime | None = None

    # Set-up ---------------------------------------------------------------------------------

    def refresh(self) -> Account | None:
        """The broker's account, and the topics of now in `routes`; None when it is gone."""
        with translated(), acting_for(self.tenant_id):
            broker = MqttBroker.objects.filter(pk=self.broker_id, is_active=True).first()
            if broker is None:
                return None
            try:
                password = broker.password or ""
            except CannotDecrypt:
                self.failed("cannot_decrypt")
                return None
            self.routes = _routes(broker)
            return Account(
                host=broker.host,
                port=broker.port,
                is_tls=broker.is_tls,
                username=broker.username,
                password=password,
                client_id=f"pulso-{broker.public_id.hex[-16:]}",
            )

    @property
    def topics(self) -> frozenset[str]:
        return frozenset(self.routes)

    # What the subscription calls --------------------------------------------------------------

    def take(self, letters: Sequence[Letter]) -> None:
        """Keep what was said, whole. Raises StorageUnavailable; the same letters may come again.
        Safe to call twice."""
        found = self._read(letters)
        with translated():
            gaps = self._note_gaps(found)
            answer = self._store(found)
            self._count(found, answer)
            for gap_id in gaps:
                history_wanted.announce(tenant_id=self.tenant_id, gap_id=gap_id)

    def connected(self) -> None:
        self._tell(
            state=BrokerState.CONNECTED, connected_at=self.clock(), last_error="", failures=0
        )

    def failed(self, code: str) -> None:
        logger.warning("broker failed", extra={"broker_id": self.broker_id, "error_code": code})
        self._tell(state=BrokerState.FAILING, last_error=code, failures=F("failures") + 1)

    def _tell(self, **fields: Any) -> None:
        try:
            with translated(), acting_for(self.tenant_id):
                MqttBroker.objects.filter(pk=self.broker_id).update(**fields)
        except StorageUnavailable:  # only news; the next will be told
            logger.warning("state not kept", extra={"broker_id": self.broker_id})

    def tell_news(self) -> None:
        """Show what was counted, although nothing more came."""
        if self._counted.messages:
            try:
                with translated():
                    self._tell_counts({}, self.clock())
            except StorageUnavailable:  # they will be told with the next
                logger.warning("counts not kept", extra={"broker_id": self.broker_id})

    # From letters to rows -----------------------------------------------------------------------

    def _read(self, letters: Sequence[Letter]) -> _Found:
        found = _Found(messages=len(letters))
        for letter in letters:
            routes = self.routes.get(letter.topic, ())
            found.unknown += not routes
            for route in routes:
                self._read_one(found, letter, route)
        return found

    def _read_one(self, found: _Found, letter: Letter, route: Route) -> None:
        try:
            heard = DIALECTS[route.driver].hear(route.listener, letter.topic, letter.payload)
        except Malformed as refusal:
            found.malformed += 1
            found.last_malformed = {
                "topic": letter.topic[:200],
                "reason": refusal.reason,
                "at": letter.received_at.isoformat(),
            }
            return
        if isinstance(heard, Presence):
            found.presence[route.connection_id] = heard.is_online
        elif isinstance(heard, Said):
            if heard.measured_at is None and not letter.is_live:
                found.undated += 1
                return
            measured_at = heard.measured_at or letter.received_at
            found.rows.append({"meter": route.meter, "measured_at": measured_at, **heard.values})
            found.routes.append(route)
            self._heard[route.connection_id] = letter.received_at

    def _store(self, found: _Found) -> int:
        """The number of readings that were new."""
        if not found.rows:
            return 0
        meters = {route.meter: route.meter_id for route in found.routes}
        try:
            return self._kept(meters, found.rows).accepted
        except BadReadings:
            logger.warning("a batch was refused", extra={"broker_id": self.broker_id})
        accepted = 0
        for row in found.rows:
            try:
                accepted += self._kept(meters, [row]).accepted
            except BadReadings as refusal:
                found.malformed += 1
                found.last_malformed = {
                    "topic": str(row["meter"]),
                    "reason": refusal.error_code,
                    "at": self.clock().isoformat(),
                }
        return accepted

    def _kept(self, meters: Mapping[str, int], rows: Sequence[dict[str, Any]]) -> Answer:
        return store_readings(self.tenant_id, meters, samples_of(rows), now=self.clock())

    # Gaps that the device may fill --------------------------------------------------------------

    def _note_gaps(self, found: _Found) -> list[int]:
        """Write down, before the reading that ends it, each gap a device may remember."""
        noted: list[int] = []
        for row, route in zip(found.rows, found.routes, strict=True):
            if not route.remembers or "energy_import_wh" not in row:
                continue
            at = row["measured_at"]
            before = self._registers.get(route.meter_id) or self._newest_register(route, at)
            if before is not None and GAP < at - before < LONGEST_GAP:
                noted.append(self._note_gap(route, before, at))
            if before is None or at > before:
                self._registers[route.meter_id] = at
        return noted

    def _newest_register(self, route: Route, before: datetime) -> datetime | None:
        with acting_for(self.tenant_id):
            known = Reading.objects.filter(
                meter_id=route.meter_id,
                measured_at__lt=before,
                measured_at__gt=before - LONGEST_GAP,
                energy_import_wh__isnull=False,
            )
            return known.order_by("-measured_at").values_list("measured_at", flat=True).first()

    def _note_gap(self, route: Route, starts_at: datetime, ends_at: datetime) -> int:
        with acting_for(self.tenant_id):
            gap, _is_new = HistoryGap.objects.get_or_create(
                connection_id=route.connection_id,
                starts_at=starts_at,
                defaults={"tenant_id": self.tenant_id, "ends_at": ends_at},
            )
            return gap.pk

    # What is shown about it -----------------------------------------------------------------------

    def _count(self, found: _Found, readings: int) -> None:
        total, now = self._counted, self.clock()
        for name in ("messages", "malformed", "unknown", "undated"):
            setattr(total, name, getattr(total, name) + getattr(found, name))
        total.last_malformed = found.last_malformed or total.last_malformed
        self._readings += readings
        is_urgent = bool(found.presence) or self._told_at is None
        if is_urgent or now - (self._told_at or now) >= TELL_EVERY:
            self._tell_counts(found.presence, now)

    def _tell_counts(self, presence: Mapping[int, bool], now: datetime) -> None:
        counted, heard = self._counted, self._heard
        with acting_for(self.tenant_id):
            news: dict[str, Any] = {
                name: F(name) + getattr(counted, name)
                for name in ("messages", "malformed", "unknown", "undated")
            }
            if counted.last_malformed:
                news["last_malformed"] = counted.last_malformed
            brokers = MqttBroker.objects.filter(pk=self.broker_id)
            brokers.update(heard_at=now, readings=F("readings") + self._readings, **news)
            running = Connection.objects.exclude(state=ConnectionState.PAUSED)
            gone = {pk for pk, is_online in presence.items() if not is_online}
            for pk, at in heard.items():
                running.filter(pk=pk).exclude(pk__in=gone).update(
                    state=ConnectionState.OK,
                    last_ok_at=at,
                    last_tried_at=at,
                    last_error="",
                    error_facts={},
                    failures=0,
                )
            running.filter(pk__in=gone).update(
                state=ConnectionState.FAILING,
                last_tried_at=now,
                last_error=OFFLINE,
                failures=F("failures") + 1,
            )
            back = [pk for pk, is_online in presence.items() if is_online]
            running.filter(pk__in=back, last_error=OFFLINE).update(
                state=ConnectionState.OK, last_error="", failures=0
            )
        self._counted, self._readings, self._heard, self._told_at = _Found(), 0, {}, now


def listened_to(broker: MqttBroker) -> list[Connection]:
    """The connections whose devices speak on this broker: those that name it, and those that name
    none, when it is the tenant's oldest."""
    oldest = MqttBroker.objects.filter(is_active=True).order_by("id").first()
    own = str(broker.public_id)
    names = {own, ""} if oldest is not None and oldest.pk == broker.pk else {own}
    found = Connection.objects.filter(driver__in=DIALECTS, meter__is_active=True)
    return [
        each
        for each in found.exclude(state=ConnectionState.PAUSED).select_related("meter")
        if str(each.options.get(BROKER) or "") in names and is_topic(each.address)
    ]


def stop_listening(broker: MqttBroker) -> None:
    """Hang up within seconds. Safe to call twice."""
    MqttBroker.objects.filter(pk=broker.pk).update(is_active=False, state=BrokerState.NEW)


def listen_again(broker: MqttBroker) -> None:
    """Listen from now on. Safe to call twice."""
    paused = MqttBroker.objects.filter(pk=broker.pk, is_active=False)
    paused.update(is_active=True, state=BrokerState.NEW, last_error="", failures=0)


def _routes(broker: MqttBroker) -> dict[str, tuple[Route, ...]]:
    found = listened_to(broker)
    zones = _zones([each.meter_id for each in found])
    ours = Tenant.objects.get(pk=broker.tenant_id).zone
    routes: dict[str, tuple[Route, ...]] = {}
    for each in found:
        channel = each.options.get(CHANNEL)
        listener = Listener(
            address=each.address,
            channel=channel if isinstance(channel, int) else 0,
            zone=zones.get(each.meter_id, ours),
        )
        route = Route(
            each.pk,
            each.meter_id,
            str(each.meter.public_id),
            each.driver,
            listener,
            remembers=each.driver == "shelly" and bool(each.host),
        )
        for topic in DIALECTS[each.driver].topics(listener):
            routes[topic] = (*routes.get(topic, ()), route)
    return routes


def _zones(meter_ids: Sequence[int]) -> dict[int, ZoneInfo]:
    serving = Installation.objects.filter(meter_id__in=meter_ids, ends_at__isnull=True)
    sites = serving.select_related("metering_point__site")
    return {each.meter_id: each.metering_point.site.zone for each in sites}
