"""A bank's webhook is a hint: kept first, believed only after asking the bank itself."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection
from django.utils import timezone

from billing.events import notice_kept
from billing.gateways.base import Credentials, Gateway, Received
from billing.gateways.registry import GATEWAYS
from billing.models import GatewayAccount, GatewayKind, GatewayNotice, Invoice, PaymentMethod
from billing.models.gateway import token_hash
from billing.services.payments import keep_unmatched, mark_paid
from clients.kernel.errors import DomainError, Permanent, Retryable
from clients.kernel.leases import Lease, bury, done, lease, lease_one, postpone
from clients.kernel.money import Money
from clients.kernel.tenancy import acting_for

logger = logging.getLogger(__name__)

CURRENCY: Final = "BRL"
HOLD: Final = timedelta(minutes=1)
FIRST_DELAY: Final = timedelta(seconds=5)
LOOK_BACK: Final = timedelta(days=7)
MOST_NOTICES: Final = 500
LARGEST_NOTICE: Final = 20_000
LONGEST_ID: Final = 64


@dataclass(frozen=True, slots=True)
class Doorway:
    """The account that a webhook's address leads to."""

    tenant_id: int
    account_id: int


def account_behind(token: str) -> Doorway | None:
    """The active account with this webhook token, of any tenant."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM gateway_account_by_token(%s)", [token_hash(token)])
        row = cursor.fetchone()
    return Doorway(*row) if row else None


def keep_notice(account_id: int, body: bytes, *, now: datetime) -> int:
    """Keep what a webhook said, one row for each payment in it; returns how many rows are new.

    Safe to call twice. What cannot be read is kept too, for a person to look at.
    """
    return keep_elements(account_id, _elements(body), now=now)


def keep_elements(account_id: int, elements: Sequence[object], *, now: datetime) -> int:
    """Keep each element once. The bank's own list of payments comes in here too."""
    new = 0
    for element in elements[:MOST_NOTICES]:
        kept = _storable(element)
        told = kept.get("endToEndId")
        notice, created = GatewayNotice.objects.get_or_create(
            account_id=account_id,
            body_sha256=_digest(json.dumps(kept, sort_keys=True).encode()),
            defaults={
                "body": kept,
                "end_to_end_id": told[:LONGEST_ID] if isinstance(told, str) else "",
                "received_at": now,
            },
        )
        if created:
            new += 1
            notice_kept.announce(tenant_id=notice.tenant_id, notice_id=notice.pk)
    return new


def _elements(body: bytes) -> list[object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return [{"unreadable": _digest(body), "bytes": len(body)}]
    told = found.get("pix") if isinstance(found, dict) else None
    return told if isinstance(told, list) else [found]


def _storable(element: object) -> dict[str, object]:
    """The element, or what can be said of one that the database would refuse."""
    try:
        raw = json.dumps(element, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):  # infinite numbers, half a character
        return {"unreadable": _digest(repr(element)[:LARGEST_NOTICE].encode("utf-8", "replace"))}
    if not isinstance(element, dict) or len(raw) > LARGEST_NOTICE or b"\\u0000" in raw:
        return {"unreadable": _digest(raw), "bytes": len(raw)}
    return element


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def confirm_due(limit: int = 100) -> int:
    """Confirm notices whose time has come, of any tenant; returns how many were tried."""
    held = lease(GatewayNotice, limit, HOLD)
    for each in held:
        _confirm(each)
    return len(held)


def confirm_notice(tenant_id: int, notice_id: int) -> None:
    """Confirm this notice now, unless it is done or somebody else is at it."""
    held = lease_one(GatewayNotice, tenant_id, notice_id, HOLD)
    if held is not None:
        _confirm(held)


def _confirm(held: Lease) -> None:
    """Ask the bank outside of any transaction; write what it says in one."""
    with acting_for(held.tenant_id):
        notice = GatewayNotice.objects.select_related("account").get(pk=held.id)
        account, gateway = notice.account, gateway_of(notice.account)
    try:
        received = _ask(gateway, account, notice.end_to_end_id)
    except Retryable as error:
        delay = FIRST_DELAY * 2 ** min(held.attempt, 10)
        with acting_for(held.tenant_id):
            postpone(GatewayNotice, held, delay, str(error))
        return
    except Permanent as error:
        logger.warning("notice refused", extra={"notice_id": held.id})
        with acting_for(held.tenant_id):
            bury(GatewayNotice, held, str(error))
        return
    try:
        with acting_for(held.tenant_id):
            if done(GatewayNotice, held, confirmed_at=timezone.now()):
                take_payment(account, received)
    except DomainError as error:
        with acting_for(held.tenant_id):
            bury(GatewayNotice, held, str(error))


def _ask(gateway: Gateway | None, account: GatewayAccount, end_to_end_id: str) -> Received:
    """What the bank says, about this very payment to this very account."""
    if gateway is None:
        raise Permanent("this account has no bank that could be asked")
    received = gateway.received(end_to_end_id)
    if (received.pix_key, received.end_to_end_id) != (account.pix_key, end_to_end_id):
        raise Permanent("the bank's payment went to another key")
    return received


def take_payment(account: GatewayAccount, received: Received) -> None:
    """Record money that the bank confirmed, for the invoice that its txid names."""
    amount = Money(received.amount_cents, CURRENCY)
    invoice = Invoice.objects.filter(txid=received.txid).first() if received.txid else None
    if invoice is None:
        keep_unmatched(
            amount,
            received_at=received.received_at,
            reference=received.end_to_end_id,
            account=account,
            note=received.txid,
        )
    else:
        mark_paid(
            invoice,
            amount,
            method=PaymentMethod.PIX,
            received_at=received.received_at,
            reference=received.end_to_end_id,
            account=account,
        )


def gateway_of(account: GatewayAccount) -> Gateway | None:
    """The way to ask this account's bank, or None for a bare Pix key."""
    if account.kind not in GATEWAYS:
        return None
    return GATEWAYS[account.kind](
        Credentials(
            key=f"pix:{account.pk}",
            base_url=_address(account),
            client_id=account.client_id,
            client_secret=account.client_secret,
        )
    )


def _address(account: GatewayAccount) -> str:
    """The simulated bank is wherever it was started."""
    simulated = account.kind == GatewayKind.SIMULATOR
    return settings.PIX_SIMULATOR_URL if simulated else account.base_url


def reconcile(tenant_id: int, account_id: int, *, now: datetime) -> int:
    """Keep every payment of the last 7 days that no webhook told us of; returns how many."""
    with acting_for(tenant_id):
        gateway = gateway_of(GatewayAccount.objects.get(pk=account_id))
    if gateway is None:
        return 0
    listed = gateway.received_between(now - LOOK_BACK, now)
    with acting_for(tenant_id):
        known = set(
            GatewayNotice.objects.filter(account=account_id).values_list("end_to_end_id", flat=True)
        )
        missing = [one for one in listed if one.get("endToEndId") not in known]
        return keep_elements(account_id, missing, now=now)


def accounts_to_ask(limit: int = 1000) -> list[Doorway]:
    """Accounts of any tenant whose bank can be asked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM gateway_accounts_to_ask(%s)", [limit])
        return [Doorway(*row) for row in cursor.fetchall()]
