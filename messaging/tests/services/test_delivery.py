from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from clients.kernel.invariants import INVARIANTS, check_all
from clients.kernel.leases import Lease, lease_one
from clients.kernel.tenancy import acting_for
from clients.models import Client, ClientStatus, Tenant
from clients.testing import make_client
from messaging.channels.email import Email
from messaging.models import (
    Attempt,
    AttemptOutcome,
    ChannelAccount,
    ChannelKind,
    Message,
    MessageStatus,
    Suppression,
)
from messaging.selectors import invariants
from messaging.services import delivery
from messaging.services.accounts import change_account, resume_account
from messaging.services.delivery import deliver, deliver_due, deliver_one
from messaging.services.templates import save_template
from messaging.simulators.whatsapp import WhatsAppSimulator
from messaging.testing import make_channel_account, make_message, whatsapp_simulator
from messaging.tests.channels.places import Mailroom, mail_server

EMAIL = "amina@example.com"


@pytest.fixture(autouse=True)
def _place(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.MAILBOX_FOLDER = str(tmp_path / "mailbox")
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def simulator() -> Iterator[WhatsAppSimulator]:
    with whatsapp_simulator() as running:
        yield running


def letters(settings: Settings) -> list[str]:
    folder = Path(settings.MAILBOX_FOLDER)
    return [each.name for each in folder.iterdir()] if folder.exists() else []


def by_whatsapp(
    tenant: Tenant, simulator: WhatsAppSimulator, digits: str = "8888", **person: Any
) -> Message:
    """A message that WhatsApp's simulator gets, to a number that ends in `digits`."""
    make_channel_account(tenant=tenant, kind=ChannelKind.WHATSAPP, api_url=simulator.url)
    return make_message(client=make_client(tenant=tenant, phone=f"+551199999{digits}", **person))


def send(message: Message) -> Message:
    """One try, due or not."""
    Message.objects.filter(pk=message.pk, due_at__isnull=False).update(due_at=Now())
    deliver_one(message.tenant_id, message.pk)
    message.refresh_from_db()
    return message


def reasons(message: Message) -> list[str]:
    return [line["reason"] for line in message.trail]


def minutes_until_due(message: Message) -> float:
    assert message.due_at is not None
    return (message.due_at - timezone.now()).total_seconds() / 60


def test_a_letter_leaves_once_and_says_why(acacia: Tenant, settings: Settings) -> None:
    make_channel_account(tenant=acacia)
    message = make_message(client=make_client(tenant=acacia, email=EMAIL))

    assert deliver_one(acacia.pk, message.pk)
    assert not deliver_one(acacia.pk, message.pk)

    message.refresh_from_db()
    assert (message.status, message.due_at) == (MessageStatus.SENT, None)
    assert reasons(message) == ["queued", "sent"]
    assert letters(settings) == [f"{message.key}.eml"]
    assert [attempt.outcome for attempt in Attempt.objects.all()] == [AttemptOutcome.ACCEPTED]
    assert message.sent_at is not None


def test_a_letter_goes_through_the_tenants_own_server(acacia: Tenant, settings: Settings) -> None:
    settings.HTTP_ALLOWED_PRIVATE = ["127.0.0.1"]
    mailroom = Mailroom()
    with mail_server(mailroom) as port:
        credentials = {"host": "127.0.0.1", "port": str(port), "security": "none"}
        make_channel_account(tenant=acacia, credentials=credentials)
        send(make_message(client=make_client(tenant=acacia, email=EMAIL)))

    assert [letter.rcpt_tos for letter in mailroom.letters] == [[EMAIL]]


def test_the_platforms_server_vouches_for_its_own_address_only(
    acacia: Tenant, settings: Settings
) -> None:
    settings.HTTP_ALLOWED_PRIVATE = ["127.0.0.1"]
    settings.DEFAULT_FROM_EMAIL = "Pulso <no-reply@pulso.example>"
    mailroom = Mailroom()
    with mail_server(mailroom) as port:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{port}"
        make_channel_account(tenant=acacia)
        send(make_message(client=make_client(tenant=acacia, email=EMAIL)))

    (letter,) = mailroom.letters
    written = message_from_bytes(letter.content, policy=policy.default)
    assert letter.mail_from == "no-reply@pulso.example"
    assert str(written["From"]) == f"{acacia.name} <no-reply@pulso.example>"
    assert str(written["Reply-To"]) == "contas@acacia.example"


def test_a_whatsapp_message_leaves_with_its_key(
    acacia: Tenant, simulator: WhatsAppSimulator
) -> None:
    message = send(by_whatsapp(acacia, simulator, "0009"))

    (taken,) = simulator.journal
    assert (taken.key, taken.type) == (str(message.key), "template")
    assert (message.status, message.provider_id) == (MessageStatus.SENT, taken.id)
    assert message.known_as == "551199990009"


def test_nothing_leaves_before_its_time(acacia: Tenant, settings: Settings) -> None:
    make_channel_account(tenant=acacia)
    later = timezone.now() + timedelta(seconds=10)
    message = make_message(client=make_client(tenant=acacia, email=EMAIL), due_at=later)

    assert not deliver_one(acacia.pk, message.pk)
    assert letters(settings) == []


def test_the_rules_are_asked_again_when_it_leaves(acacia: Tenant, settings: Settings) -> None:
    make_channel_account(tenant=acacia)
    client = make_client(tenant=acacia, email=EMAIL)
    expired = make_message(client=client, valid_until=timezone.now() + timedelta(hours=1))
    Message.objects.update(valid_until=timezone.now() - timedelta(seconds=1))
    suppressed = make_message(client=client)
    Suppression.objects.create(channel="email", address=EMAIL, reason="asked")
    closed = make_message(client=make_client(tenant=acacia, email="b@example.com"))
    Client.objects.filter(pk=closed.client_id).update(status=ClientStatus.CLOSED)

    for message in (expired, suppressed, closed):
        send(message)

    assert [reasons(m)[-1] for m in (expired, suppressed, closed)] == [
        "expired",
        "suppressed",
        "client_closed",
    ]
    assert {m.status for m in (expired, suppressed, closed)} == {MessageStatus.CANCELLED}
    assert letters(settings) == []


def test_too_fast_holds_the_lane_and_uses_up_no_attempt(
    acacia: Tenant, simulator: WhatsAppSimulator
) -> None:
    message = send(by_whatsapp(acacia, simulator, "0429"))
    other = send(make_message(client=make_client(tenant=acacia, phone="+5511999997777")))

    assert (message.status, message.attempts) == (MessageStatus.QUEUED, 0)
    assert reasons(other) == ["queued", "account_paused"]
    assert (other.attempts, len(simulator.journal)) == (0, 0)


def test_a_passing_fault_is_tried_again_later_and_given_up_in_the_end(
    acacia: Tenant, simulator: WhatsAppSimulator
) -> None:
    message = by_whatsapp(acacia, simulator, "0500")
    pauses = []
    for _ in range(8):
        cache.clear()  # the breaker would rest the account
        send(message)
        pauses.append(round(minutes_until_due(message)) if message.due_at else None)

    assert pauses[0] in {0, 1}
    assert pauses[1:3] in ([2, 8], [2, 7], [2, 9], [2, 10], [2, 6])
    assert pauses[-1] is None
    assert (message.status, reasons(message)[-1]) == (MessageStatus.FAILED, "gave_up")
    assert message.died_at is not None
    assert len(simulator.journal) == 0


def test_an_expired_token_rests_the_account_and_keeps_the_message(
    acacia: Tenant, simulator: WhatsAppSimulator
) -> None:
    message = by_whatsapp(acacia, simulator)
    account = ChannelAccount.objects.get()
    good = account.credentials["access_token"]
    change_account(account, {"access_token": "EAAG"})

    send(message)
    account.refresh_from_db()
    paused = account.paused_until
    change_account(account, {"access_token": good})
    send(message)

    assert paused is not None
    assert reasons(message) == ["queued", "pause_account", "sent"]


def test_a_template_that_is_not_approved_lets_the_letter_go_instead(
    acacia: Tenant, simulator: WhatsAppSimulator, settings: Settings
) -> None:
    make_channel_account(tenant=acacia)
    save_template("greeting", "whatsapp", body="Oi {nome}", provider_name="missing_one")
    message = by_whatsapp(acacia, simulator, email=EMAIL)

    send(message)
    first = (message.status, message.channel, message.address)
    send(message)

    assert first == (MessageStatus.QUEUED, "email", EMAIL)
    assert reasons(message) == ["queued", "pause_template", "sent"]
    assert message.trail[1]["instead_of"] == "whatsapp"
    assert letters(settings) == [f"{message.key}.eml"]


def test_a_channel_that_was_asked_for_is_not_left(
    acacia: Tenant, simulator: WhatsAppSimulator
) -> None:
    make_channel_account(tenant=acacia)
    make_channel_account(tenant=acacia, kind=ChannelKind.WHATSAPP, api_url=simulator.url)
    save_template("greeting", "whatsapp", body="Oi {nome}", provider_name="missing_one")
    client = make_client(tenant=acacia, phone="+5511999998888", email=EMAIL)

    message = send(make_message(client=client, channel="whatsapp"))

    assert (message.status, reasons(message)[-1]) == (MessageStatus.FAILED, "pause_template")


def test_an_answer_that_never_comes_is_waited_for_before_sending_again(
    acacia: Tenant, simulator: WhatsAppSimulator
) -> None:
    message = send(by_whatsapp(acacia, simulator, "0409"))

    assert message.status == MessageStatus.UNCERTAIN
    assert 4 < minutes_until_due(message) < 6
    assert Attempt.objects.get().outcome == AttemptOutcome.UNKNOWN

    send(message)  # the five minutes are over, and no receipt came

    assert reasons(message) == ["queued", "no_answer", "no_answer"]
    assert {taken.key for taken in simulator.journal} == {str(message.key)}


def test_a_worker_that_died_between_sending_and_marking_is_not_repeated_at_once(
    acacia: Tenant, simulator: WhatsAppSimulator
) -> None:
    message = by_whatsapp(acacia, simulator)
    held = lease_one(Message, acacia.pk, message.pk, timedelta(seconds=60))
    assert held is not None
    parcel = delivery._pack(held)
    assert parcel is not None
    delivery._send(parcel)  # and here the worker dies
    Message.objects.update(leased_until=Now() - timedelta(seconds=1))

    send(message)

    assert message.status == MessageStatus.UNCERTAIN
    assert len(simulator.journal) == 1


def test_a_late_worker_changes_nothing(acacia: Tenant, settings: Settings) -> None:
    make_channel_account(tenant=acacia)
    message = send(make_message(client=make_client(tenant=acacia, email=EMAIL)))
    trail = message.trail

    deliver(Lease(acacia.pk, message.pk, 1))
    deliver(Lease(acacia.pk, message.pk, 7))

    message.refresh_from_db()
    assert (message.status, message.trail) == (MessageStatus.SENT, trail)
    assert Attempt.objects.count() == 1


def test_secrets_and_addresses_stay_out_of_the_log(
    acacia: Tenant, simulator: WhatsAppSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    send(by_whatsapp(acacia, simulator))

    assert "99999" not in caplog.text
    assert "SIM." not in caplog.text


def test_waiting_on_for_the_same_reason_is_noted_once(
    acacia: Tenant, simulator: WhatsAppSimulator
) -> None:
    message = by_whatsapp(acacia, simulator, "1056")

    for _ in range(3):
        send(message)

    assert reasons(message) == ["queued", "pace_person"]
    assert message.attempts == 0


@pytest.mark.commits
def test_one_poisoned_message_does_not_hold_up_the_others(
    tenants: dict[str, Tenant], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slug in ("acacia", "baobab"):
        with acting_for(tenants[slug].pk):
            make_channel_account(tenant=tenants[slug])
            make_message(client=make_client(tenant=tenants[slug], email=f"{slug}@example.com"))
    send_letter = Email.send

    def poisoned(self: Email, account: Any, envelope: Any) -> Any:
        if envelope.to.startswith("acacia"):
            raise RuntimeError("poison")
        return send_letter(self, account, envelope)

    monkeypatch.setattr(Email, "send", poisoned)

    assert deliver_due(5) == 2
    assert len(letters(settings)) == 1


@pytest.mark.commits
def test_two_workers_share_the_messages(tenants: dict[str, Tenant], settings: Settings) -> None:
    tenant = tenants["acacia"]
    with acting_for(tenant.pk):
        make_channel_account(tenant=tenant)
        client = make_client(tenant=tenant, email=EMAIL)
        for _ in range(30):
            make_message(client=client)
    worked: list[int] = []

    def work() -> None:
        try:
            worked.append(deliver_due(20))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    with acting_for(tenant.pk):
        outcomes = Counter(Attempt.objects.values_list("outcome", flat=True))
        statuses = Counter(Message.objects.values_list("status", flat=True))
    assert sum(worked) == 30
    assert outcomes == {"accepted": 30}
    assert statuses == {"sent": 30}
    assert len(letters(settings)) == 30


assert invariants  # its rules are registered on import
RULES = [rule for rule in INVARIANTS if rule.code in {"I4", "I12"}]
WORKER = """
import os, sys, django
django.setup()
from django.conf import settings
settings.HTTP_ALLOWED_PRIVATE = ["127.0.0.1"]
from messaging.services import delivery
send, left = delivery._send, int(sys.argv[1])
def send_and_die(parcel):
    global left
    answer = send(parcel)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)
    return answer
delivery._send = send_and_die
delivery.deliver_due(20)
"""


@pytest.mark.commits
def test_killed_workers_lose_nothing_and_repeat_nothing(
    tenants: dict[str, Tenant], databases: Any, simulator: WhatsAppSimulator
) -> None:
    tenant = tenants["acacia"]
    with acting_for(tenant.pk):
        make_channel_account(tenant=tenant, kind=ChannelKind.WHATSAPP, api_url=simulator.url)
        client = make_client(tenant=tenant, phone="+5511999998888")
        keys = {str(make_message(client=client).key) for _ in range(12)}
    environment = {
        **os.environ,
        **databases.environment(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }

    for dies_after in (1, 3, 2):
        worker = subprocess.run(
            [sys.executable, "-c", WORKER, str(dies_after)],
            env=environment,
            timeout=60,
            check=False,
        )
        assert worker.returncode == -signal.SIGKILL
        with acting_for(tenant.pk):
            Message.objects.update(leased_until=None)
    deliver_due(20)

    with acting_for(tenant.pk):
        statuses = Counter(Message.objects.values_list("status", flat=True))
    effects = Counter(taken.key for taken in simulator.journal)
    assert [finding.rows for finding in check_all(frozenset({"I4", "I12"}))] == [[]] * len(RULES)
    assert statuses == {"sent": 9, "uncertain": 3}
    assert effects == dict.fromkeys(keys, 1)


def test_a_rested_account_sends_again_when_told_to(acacia: Tenant, settings: Settings) -> None:
    account = make_channel_account(tenant=acacia)
    message = make_message(client=make_client(tenant=acacia, email=EMAIL))
    ChannelAccount.objects.update(paused_until=timezone.now() + timedelta(hours=1))
    send(message)
    assert message.status == MessageStatus.QUEUED

    resume_account(account)
    send(message)

    assert message.status == MessageStatus.SENT
