from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db.models.functions import Now

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import make_client
from messaging.channels.base import Notice, Progress
from messaging.errors import Advice
from messaging.models import (
    Attempt,
    AttemptOutcome,
    ChannelKind,
    Message,
    MessageStatus,
    Receipt,
    Suppression,
)
from messaging.services.delivery import deliver_one
from messaging.services.receipts import record_receipt
from messaging.simulators.whatsapp import WhatsAppSimulator
from messaging.testing import make_channel_account, make_message, whatsapp_simulator

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
EMAIL = "amina@example.com"


@pytest.fixture(autouse=True)
def _calm() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def simulator() -> Iterator[WhatsAppSimulator]:
    with whatsapp_simulator() as running:
        yield running


def sent(
    tenant: Tenant, simulator: WhatsAppSimulator, digits: str = "8888", **person: Any
) -> Message:
    """A message that has left by WhatsApp."""
    make_channel_account(tenant=tenant, kind=ChannelKind.WHATSAPP, api_url=simulator.url)
    client = make_client(tenant=tenant, phone=f"+551199999{digits}", **person)
    message = make_message(client=client)
    deliver_one(tenant.pk, message.pk)
    message.refresh_from_db()
    return message


def told(message: Message, progress: str, *, minute: int = 0, **facts: Any) -> Notice:
    wamid = facts.pop("provider_id", message.provider_id or "wamid.late")
    return Notice(
        f"{wamid}:{progress}",
        Progress(progress),
        NOON + timedelta(minutes=minute),
        key=str(message.key),
        provider_id=wamid,
        **facts,
    )


def failed(message: Message, advice: Advice, code: str, **facts: Any) -> Notice:
    return told(message, "failed", advice=advice, error_code=code, **facts)


@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "delivered", "read"])))
def test_receipts_in_any_order_end_the_same(
    acacia: Tenant, simulator: WhatsAppSimulator, order: tuple[str, ...]
) -> None:
    message = sent(acacia, simulator)

    for progress in (*order, *order):
        record_receipt(
            told(message, progress, minute=["sent", "delivered", "read"].index(progress))
        )

    message.refresh_from_db()
    assert message.status == MessageStatus.READ
    assert message.delivered_at == NOON + timedelta(minutes=1)
    assert message.read_at == NOON + timedelta(minutes=2)
    assert Receipt.objects.count() == 3


def test_a_failure_before_delivery_ends_it_and_after_delivery_changes_nothing(
    acacia: Tenant, simulator: WhatsAppSimulator
) -> None:
    message = sent(acacia, simulator)
    record_receipt(told(message, "delivered"))
    record_receipt(failed(message, Advice.FALL_BACK, "131026"))
    message.refresh_from_db()
    assert message.status == MessageStatus.DELIVERED

    other = make_message(client=message.client)
    deliver_one(acacia.pk, other.pk)
    other.refresh_from_db()
    record_receipt(failed(other, Advice.FALL_BACK, "131026"))
    record_receipt(told(other, "delivered"))
    other.refresh_from_db()

    assert other.status == MessageStatus.FAILED
    assert other.trail[-1]["reason"] == "fall_back"
    assert other.trail[-1]["code"] == "131026"


def test_a_failure_told_later_takes_the_other_way(
    acacia: Tenant, simulator: WhatsAppSimulator
) -> None:
    make_channel_account(tenant=acacia)
    message = sent(acacia, simulator, email=EMAIL)
    first_id = message.provider_id

    for _ in range(2):
        record_receipt(failed(message, Advice.FALL_BACK, "131026", provider_id=first_id))
    record_receipt(told(message, "sent", provider_id=first_id))  # late, of the failed try
    message.refresh_from_db()
    waiting = (message.status, message.channel, message.address)
    deliver_one(acacia.pk, message.pk)
    message.refresh_from_db()

    assert waiting == (MessageStatus.QUEUED, "email", EMAIL)
    assert message.status == MessageStatus.SENT
    assert [a.outcome for a in Attempt.objects.all()] == [
        AttemptOutcome.FAILED,
        AttemptOutcome.ACCEPTED,
    ]


def test_who_stopped_marketing_is_suppressed(acacia: Tenant, simulator: WhatsAppSimulator) -> None:
    message = sent(acacia, simulator)

    record_receipt(failed(message, Advice.SUPPRESS, "131050"))

    assert Suppression.objects.get().address == message.address


def test_enough_for_today_waits_a_day(acacia: Tenant, simulator: WhatsAppSimulator) -> None:
    message = sent(acacia, simulator)

    record_receipt(failed(message, Advice.TOMORROW, "131049"))

    later = Message.objects.filter(
        status=MessageStatus.QUEUED,
        due_at__gt=Now() + timedelta(hours=23),
        due_at__lt=Now() + timedelta(hours=25),
    )
    assert later.count() == 1


def test_a_receipt_settles_what_nobody_knew(acacia: Tenant, simulator: WhatsAppSimulator) -> None:
    message = sent(acacia, simulator, "0409")
    assert message.status == MessageStatus.UNCERTAIN

    record_receipt(told(message, "delivered", provider_id="wamid.echo"))

    message.refresh_from_db()
    attempt = Attempt.objects.get()
    assert (message.status, message.due_at) == (MessageStatus.DELIVERED, None)
    assert (attempt.outcome, attempt.provider_id) == (AttemptOutcome.ACCEPTED, "wamid.echo")
    assert not deliver_one(acacia.pk, message.pk)


def test_a_receipt_without_our_key_is_found_by_the_providers_id(
    acacia: Tenant, simulator: WhatsAppSimulator
) -> None:
    message = sent(acacia, simulator)

    record_receipt(Notice("x", Progress.READ, NOON, provider_id=message.provider_id))
    record_receipt(Notice("y", Progress.READ, NOON, provider_id="wamid.stranger"))
    record_receipt(Notice("z", Progress.READ, NOON, key="not a uuid"))

    message.refresh_from_db()
    assert (message.status, Receipt.objects.count()) == (MessageStatus.READ, 1)


def test_a_receipt_never_reaches_another_tenants_message(
    tenants: dict[str, Tenant], simulator: WhatsAppSimulator
) -> None:
    with acting_for(tenants["acacia"].pk):
        message = sent(tenants["acacia"], simulator)
    with acting_for(tenants["baobab"].pk):
        record_receipt(told(message, "read"))

    with acting_for(tenants["acacia"].pk):
        message.refresh_from_db()
        assert (message.status, Receipt.objects.count()) == (MessageStatus.SENT, 0)


def test_a_receipt_that_is_faster_than_the_answer_is_kept(
    acacia: Tenant, simulator: WhatsAppSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_channel_account(tenant=acacia, kind=ChannelKind.WHATSAPP, api_url=simulator.url)
    message = make_message(client=make_client(tenant=acacia, phone="+5511999998888"))
    from messaging.services import delivery

    send = delivery._send

    def slow(parcel: Any) -> Any:
        answer = send(parcel)
        record_receipt(told(message, "delivered", provider_id=simulator.journal[-1].id))
        return answer

    monkeypatch.setattr(delivery, "_send", slow)
    deliver_one(acacia.pk, message.pk)

    message.refresh_from_db()
    assert (message.status, message.due_at) == (MessageStatus.DELIVERED, None)
    assert message.leased_until is None
