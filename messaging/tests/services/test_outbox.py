from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from clients.kernel.tenancy import acting_for
from clients.models import Membership, Tenant
from clients.testing import make_client, make_member
from messaging.errors import MessageGone, UnknownMessageKind
from messaging.models import ChannelKind, Message, MessageStatus, Suppression
from messaging.services.decisions import Answer, Decision, decide
from messaging.services.outbox import (
    Draft,
    cancel_message,
    queue_message,
    queue_messages,
    send_text,
)
from messaging.services.templates import save_template
from messaging.testing import GREETING, make_channel_account, make_message

PHONE, EMAIL = "+5511999998888", "amina@example.com"


def test_a_message_says_what_its_kind_says(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    client = make_client(tenant=acacia, email=EMAIL)

    message = make_message(client=client)

    assert (message.channel, message.address, message.status) == ("email", EMAIL, "queued")
    assert (message.subject, message.body) == ("Boa segunda", "Olá, Amina. Boa segunda!")
    assert [line["verdict"] for line in message.trail] == ["queued"]


def test_the_same_key_is_one_message(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    client = make_client(tenant=acacia, email=EMAIL)

    first = make_message(client=client, dedupe_key="invoice:1")
    again = make_message(client=client, dedupe_key="invoice:1")

    assert again == first
    assert Message.objects.count() == 1


def test_the_same_key_is_another_message_in_another_tenant(
    tenants: dict[str, Tenant],
) -> None:
    for tenant in tenants.values():
        with acting_for(tenant.pk):
            make_message(client=make_client(tenant=tenant), dedupe_key="invoice:1")
            assert Message.objects.count() == 1


def test_whatsapp_comes_before_email_and_goes_by_an_approved_template(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    make_channel_account(tenant=acacia, kind=ChannelKind.WHATSAPP)
    client = make_client(tenant=acacia, phone=PHONE, email=EMAIL)

    message = make_message(client=client)

    assert (message.channel, message.address) == ("whatsapp", PHONE)
    assert message.approved == {
        "name": "greeting",
        "language": "pt_BR",
        "parameters": ["Amina", "segunda"],
    }


def test_words_follow_the_clients_language(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)

    message = make_message(client=make_client(tenant=acacia, email=EMAIL, language="en"))

    assert message.body == "Hello, Amina. Good segunda!"


def test_a_tenants_own_words_come_first_and_old_messages_keep_theirs(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    client = make_client(tenant=acacia, email=EMAIL)
    make_message(client=client, dedupe_key="before")

    template = save_template(GREETING.key, "email", body="Oi {nome}, até {{ day }}.", subject="Oi")
    after = make_message(client=client)

    assert (after.body, after.template) == ("Oi Amina Souza, até segunda.", template)
    assert Message.objects.get(dedupe_key="before").body == "Olá, Amina. Boa segunda!"


@pytest.mark.parametrize("has_account", [True, False])
def test_a_client_who_cannot_be_reached_is_told_to_the_operator(
    acacia: Tenant, has_account: bool
) -> None:
    if has_account:
        make_channel_account(tenant=acacia)
    client = make_client(tenant=acacia, email="" if has_account else EMAIL)

    message = make_message(client=client)

    assert (message.status, message.due_at) == (MessageStatus.FAILED, None)
    assert [line["reason"] for line in message.trail] == ["no_route"]


def test_an_address_that_asked_for_no_more_is_no_way(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    Suppression.objects.create(channel="email", address=EMAIL, reason="asked")

    message = make_message(client=make_client(tenant=acacia, email=EMAIL))

    assert message.status == MessageStatus.FAILED


def test_values_are_never_read_as_a_template(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    client = make_client(tenant=acacia, email=EMAIL, name="{{ company }} {day}")

    message = send_text(
        client, "{first_name} {% include 'x' %}", subject="a\nb", dedupe_key="text:1"
    )

    assert message.body == "{first_name} {% include 'x' %}"


def test_an_unknown_kind_is_refused(acacia: Tenant) -> None:
    with pytest.raises(UnknownMessageKind):
        queue_message(make_client(tenant=acacia), "nonsense", {}, dedupe_key="x")

    assert Message.objects.count() == 0


def test_a_queued_message_can_be_cancelled_twice(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    due = timezone.now() + timedelta(seconds=10)
    message = make_message(client=make_client(tenant=acacia, email=EMAIL), due_at=due)

    cancel_message(message)
    cancel_message(message)

    assert (message.status, message.due_at) == (MessageStatus.CANCELLED, None)
    assert [line["verdict"] for line in message.trail] == ["queued", "stopped"]


def test_a_message_that_left_cannot_be_cancelled(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    message = make_message(client=make_client(tenant=acacia, email=EMAIL))
    Message.objects.filter(pk=message.pk).update(status=MessageStatus.SENT)

    with pytest.raises(MessageGone):
        cancel_message(message)

    assert Message.objects.get().status == MessageStatus.SENT


def test_many_messages_take_as_many_queries_as_few(
    acacia: Tenant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_channel_account(tenant=acacia)
    clients = [make_client(tenant=acacia, email=f"p{n}@example.com") for n in range(30)]
    drafts = [Draft(each, GREETING.key, {"day": "sexta"}, f"many:{each.pk}") for each in clients]

    with django_assert_num_queries(9):
        first = queue_messages([*drafts, drafts[0]])
    again = queue_messages(drafts)

    assert again == first[:30]
    assert first[30] == first[0]
    assert Message.objects.count() == 30


def test_a_member_of_the_team_is_written_to_in_their_own_language(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    user = make_member(tenant=acacia, name="Ana Lima", language="en")
    member = Membership.objects.get(user=user)

    first, again = (
        queue_message(member, GREETING.key, {"day": "Monday"}, dedupe_key="team:1")
        for _ in range(2)
    )

    assert first == again
    assert (first.client, first.member, first.address) == (None, member, user.email)
    assert (first.subject, first.body) == ("Good Monday", "Hello, Ana. Good Monday!")


def test_who_left_the_team_gets_no_message(acacia: Tenant) -> None:
    make_channel_account(tenant=acacia)
    member = Membership.objects.get(user=make_member(tenant=acacia))
    message = queue_message(member, GREETING.key, {"day": "sexta"}, dedupe_key="team:1")

    Membership.objects.update(is_active=False)
    message.refresh_from_db()

    assert decide(message, timezone.now()) == Decision(Answer.STOP, "member_left")
