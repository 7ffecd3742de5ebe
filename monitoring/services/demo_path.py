"""The main path, walked once through the running house as devices, banks and people walk it.

Readings go in over HTTP with device keys; workers compute, send and confirm; this only posts, asks
and compares. Any figure that is not as it must be raises Deviation.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx2
import orjson
from django.conf import settings
from django.db import connection

from billing.models import GatewayAccount, GatewayKind, Invoice, InvoiceStatus, LineKind
from billing.services.accounts import connect_account
from billing.services.announcing import dedupe_key
from billing.services.runs import run_billing
from clients.kernel.periods import Period, month_of
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from messaging.models import Message, MessageStatus
from meters.models import Meter, MeteringPoint
from meters.models.interval import DayTotal
from meters.models.reading import Touched
from meters.selectors import metered_energy
from meters.services.keys import create_key
from monitoring.services import demo_series as series
from monitoring.services.demo_tenants import ENERGY, HOUSE, MAIN, PEOPLE, SUN, WATER, began_on

REQUESTS_PER_MINUTE: Final = 1_000  # years of readings in one go, unlike a device
ROWS_A_REQUEST: Final = 480
PATIENCE_S: Final = 90.0
HTTP_TIMEOUT_S: Final = 30.0
HTTP_OK, HTTP_UNAUTHORIZED = 200, 401
REACHED: Final = (MessageStatus.DELIVERED, MessageStatus.READ)
ML_PER_M3: Final = 1_000_000
WS_PER_KWH: Final = 3_600_000
Tell = Callable[[str, float, str], None]


class Deviation(Exception):
    """A figure is not what it must be, or the house did not do its part in time."""


class NotRunning(Exception):
    """The edge or a simulator does not answer; nothing was changed."""


@dataclass
class Walk:
    """One walk: where the house is, and what is told of each step."""

    tell: Tell
    edge: str
    folder: Path
    http: httpx2.Client = field(
        default_factory=lambda: httpx2.Client(timeout=HTTP_TIMEOUT_S, trust_env=False)
    )

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Time one step; the sentence that it leaves is told."""
        began, said = time.monotonic(), list[str]()
        yield said
        self.tell(name, time.monotonic() - began, " ".join(said))


def walk(tell: Tell, *, now: datetime) -> None:
    """Post, bill, announce, get paid; every figure is checked on the way. Safe to walk again."""
    house = Walk(tell, settings.PUBLIC_URL.rstrip("/"), Path(settings.PULSO_FOLDER))
    check_running(house)
    energy, water = tenant_of(ENERGY), tenant_of(WATER)
    post_all(house, energy, water)
    wait_for_intervals(house, [energy, water])
    energy_wh = check_energy(house, energy)
    tell_other_meters(house, water)
    invoice = bill(house, energy, energy_wh, now=now)
    wait_for_message(house, energy, invoice)
    pay(house, energy, invoice)


def check_running(house: Walk) -> None:
    try:
        answer = house.http.get(f"{house.edge}/health/live")
    except httpx2.TransportError as error:
        raise NotRunning(
            f"Nothing answers at {house.edge}. Start the house with “manage.py up” first."
        ) from error
    if answer.status_code != HTTP_OK:
        raise NotRunning(f"{house.edge} answers {answer.status_code}.")


def tenant_of(slug: str) -> Tenant:
    """A demonstration company, found as its owner finds it on signing in."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.tenant_id FROM clients_user u, tenants_of_user(u.id) m WHERE u.email = %s",
            [PEOPLE[slug][0].email],
        )
        row = cursor.fetchone()
    if row is None:
        raise NotRunning("The demonstration companies are not loaded: run “manage.py load_demo”.")
    with acting_for(row[0]):
        return Tenant.objects.get(pk=row[0])


def post_all(house: Walk, energy: Tenant, water: Tenant) -> None:
    """Every series over HTTP, each tenant's with its own device key."""
    made = series.household(HOUSE, energy.zone, began_on(energy))
    with house.step("readings") as said:
        accepted, duplicates = post(house, energy, made)
        said.append(counted("household", made, accepted, duplicates))
        expect("readings of the household", accepted + duplicates, series.HOUSEHOLD_ROWS)
    for what, name in (
        (series.water_main(MAIN, water.zone, began_on(water)), "water main"),
        (series.solar(SUN, water.zone, began_on(water)), "photovoltaic system"),
    ):
        with house.step("readings") as said:
            accepted, duplicates = post(house, water, what)
            said.append(counted(name, what, accepted, duplicates))
            expect(f"readings of the {name}", accepted + duplicates, len(what.rows))


def counted(name: str, made: series.Series, accepted: int, duplicates: int) -> str:
    return (
        f"{name}: {accepted:,} accepted, {duplicates:,} duplicates; "
        f"{made.first:%a %d %b %Y %H:%M} to {made.last:%a %d %b %Y %H:%M}, "
        f"{made.source}, moved {made.weeks} weeks with weekday and clock time kept"
    )


def post(house: Walk, tenant: Tenant, made: series.Series) -> tuple[int, int]:
    """(accepted, duplicates) of a whole series."""
    accepted = duplicates = 0
    for start in range(0, len(made.rows), ROWS_A_REQUEST):
        rows = [{"meter": made.meter, **row} for row in made.rows[start : start + ROWS_A_REQUEST]]
        answer = send(house, tenant, orjson.dumps({"readings": rows}))
        if answer.get("conflicts") or answer.get("rejected"):
            raise Deviation(f"the edge kept {answer} of {len(rows)} readings of {made.meter}")
        accepted += answer["accepted"]
        duplicates += answer.get("duplicates", 0)
    return accepted, duplicates


def send(house: Walk, tenant: Tenant, body: bytes) -> dict[str, Any]:
    for is_fresh in (False, True):
        answer = house.http.post(
            f"{house.edge}/api/v1/ingest",
            content=body,
            headers={
                "Authorization": f"Bearer {device_key(house, tenant, fresh=is_fresh)}",
                "Content-Type": "application/json",
            },
        )
        if answer.status_code != HTTP_UNAUTHORIZED:
            break
    if answer.status_code != HTTP_OK:
        raise Deviation(f"the edge answered {answer.status_code}: {answer.text[:200]}")
    found: dict[str, Any] = answer.json()
    return found


def device_key(house: Walk, tenant: Tenant, *, fresh: bool) -> str:
    """The key of the tenant's device. It is shown once, so a copy is kept beside the database."""
    file = house.folder / f"device-key-{tenant.slug}"
    if file.exists() and not fresh:
        return file.read_text().strip()
    with acting_for(tenant.pk):
        made = create_key(
            "Demonstração", list(Meter.objects.all()), rate_per_minute=REQUESTS_PER_MINUTE
        )
    house.folder.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(made.secret)
    return made.secret


def wait_for_intervals(house: Walk, tenants: Sequence[Tenant]) -> None:
    """Until workers have computed everything that the readings touched."""
    with house.step("intervals") as said:
        until(
            lambda: not any(touched(tenant) for tenant in tenants),
            "a worker to compute the intervals",
        )
        said.append("15-minute intervals and day totals are computed")


def touched(tenant: Tenant) -> bool:
    with acting_for(tenant.pk):
        return Touched.objects.exists()


def check_energy(house: Walk, tenant: Tenant) -> int:
    """The energy that will be billed, against the file's own integral, to the Wh."""
    with house.step("energy") as said, acting_for(tenant.pk):
        point = MeteringPoint.objects.get(installations__meter__serial=HOUSE)
        used = metered_energy([point.pk], household_period(tenant))[point.pk]
        expected = series.household_integral_wh()
        expect("the household's energy in Wh", used.energy_wh, expected)
        said.append(
            f"{used.energy_wh:,} Wh of two days = the file's own integral of {expected:,} Wh, "
            f"difference 0 Wh ({series.INTEGRAL_RULE})"
        )
        return used.energy_wh


def household_period(tenant: Tenant) -> Period:
    return series.household_period(tenant.zone, began_on(tenant))


def tell_other_meters(house: Walk, tenant: Tenant) -> None:
    with house.step("volume") as said, acting_for(tenant.pk):
        ml, ws = (
            sum(getattr(day, column) or 0 for day in DayTotal.objects.filter(meter__serial=serial))
            for serial, column in ((MAIN, "volume_ml"), (SUN, "energy_export_ws"))
        )
        said.append(
            f"{ml / ML_PER_M3:,.0f} m³ through the water main, "
            f"{ws / WS_PER_KWH:,.1f} kWh from the photovoltaic system"
        )


def bill(house: Walk, tenant: Tenant, energy_wh: int, *, now: datetime) -> Invoice:
    """The month of the two days, for every client; the household's invoice."""
    period = household_period(tenant)
    month = month_of(period.start.astimezone(tenant.zone).date(), tenant.zone)
    with house.step("invoice") as said:
        run = run_billing(tenant.pk, month, now=now, started_by="demo")
        with acting_for(tenant.pk):
            invoice = Invoice.objects.live().get(
                period_start=period.start, subscription__points__metering_point__isnull=False
            )
            line = invoice.lines.get(kind=LineKind.ENERGY)
        expect("the billed energy in Wh", round(line.quantity * 1000), energy_wh)
        said.append(
            f"{month.start.astimezone(tenant.zone):%b %Y}: {run.issued_count} issued now, "
            f"{run.issued_cents / 100:,.2f} {tenant.currency}; the household's is "
            f"{invoice.label}, {invoice.total_cents / 100:,.2f} {invoice.currency} "
            f"for {line.quantity.normalize():f} kWh, due {invoice.due_on}"
        )
    with house.step("pix") as said:
        if not invoice.pix_code:
            raise Deviation("the invoice has no Pix code")
        said.append(f"{invoice.pix_code[:40]}… ({len(invoice.pix_code)} characters)")
    return invoice


def wait_for_message(house: Walk, tenant: Tenant, invoice: Invoice) -> None:
    """Until the client was told and the channel says so."""
    with house.step("message") as said:
        until(
            lambda: message_of(tenant, invoice).status in REACHED,
            "the message about the invoice to be delivered",
        )
        message = message_of(tenant, invoice)
        said.append(f"{message.channel}, {message.status}, one message for {invoice.label}")


def message_of(tenant: Tenant, invoice: Invoice) -> Message:
    """The one message about the invoice; an unsent one of none yet."""
    with acting_for(tenant.pk):
        found = list(Message.objects.filter(dedupe_key=dedupe_key(invoice)))
    if len(found) > 1:
        raise Deviation(f"{len(found)} messages tell of invoice {invoice.label}")
    if found and found[0].status == MessageStatus.FAILED:
        raise Deviation(f"the message about invoice {invoice.label} failed: {found[0].trail[-1]}")
    return found[0] if found else Message(status=MessageStatus.QUEUED)


def pay(house: Walk, tenant: Tenant, invoice: Invoice) -> None:
    """The client pays at the simulated bank; its notice is confirmed, the invoice is paid."""
    with house.step("payment") as said:
        if invoice.status == InvoiceStatus.PAID:
            said.append(f"{invoice.label} was paid {invoice.paid_at:%Y-%m-%d %H:%M} UTC")
            return
        with acting_for(tenant.pk):
            account = GatewayAccount.objects.get(kind=GatewayKind.SIMULATOR)
        connect_account(tenant.pk, account.pk)
        answer = house.http.post(
            f"{settings.PIX_SIMULATOR_URL.rstrip('/')}/_simulator/pay",
            content=json.dumps({"pixCopiaECola": invoice.pix_code}),
        )
        if answer.status_code != HTTP_OK:
            raise Deviation(f"the simulated bank answered {answer.status_code}")
        until(lambda: is_paid(tenant, invoice), "the bank's notice to be confirmed")
        with acting_for(tenant.pk):
            invoice.refresh_from_db()
        expect("the cents received", invoice.paid_cents, invoice.total_cents)
        said.append(f"{invoice.paid_cents / 100:,.2f} {invoice.currency} received by Pix")


def is_paid(tenant: Tenant, invoice: Invoice) -> bool:
    with acting_for(tenant.pk):
        return Invoice.objects.filter(pk=invoice.pk, status=InvoiceStatus.PAID).exists()


def until(true: Callable[[], bool], what: str) -> None:
    """Wait for the house to do its part."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise Deviation(f"waited {PATIENCE_S:.0f} s for {what}; are the workers running?")
        time.sleep(0.2)


def expect(what: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise Deviation(f"{what}: {found:,} instead of {wanted:,}")
