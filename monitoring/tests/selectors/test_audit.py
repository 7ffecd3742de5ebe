from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from clients.kernel.attribution import attributed, because
from clients.kernel.tenancy import acting_for
from clients.models import Client, Tenant
from clients.testing import make_client, make_member
from monitoring.selectors.audit import AuditQuestion, Change, audit_entries


def test_a_change_tells_who_when_why_before_and_after(acacia: Tenant) -> None:
    marina = make_member(tenant=acacia, name="Marina Prado")
    client = make_client(tenant=acacia, name="Padaria Trigo")
    with attributed(user_id=marina.pk, request_id="r-1"), because("typo in the name"):
        client.name = "Padaria Trigo Bom"
        client.save()

    [entry] = [
        e for e in audit_entries(AuditQuestion(model="clients.client")) if e.verb == "changed"
    ]

    assert entry.changes == (
        Change(
            "name",
            str(Client._meta.get_field("name").verbose_name),
            "Padaria Trigo",
            "Padaria Trigo Bom",
        ),
    )
    assert (entry.who, entry.user_id, entry.reason, entry.request_id) == (
        "Marina Prado",
        marina.pk,
        "typo in the name",
        "r-1",
    )
    assert entry.object_id == str(client.public_id)
    assert timezone.now() - entry.at < timedelta(minutes=1)


def test_updates_in_bulk_and_deletions_are_kept_too(acacia: Tenant) -> None:
    client = make_client(tenant=acacia, name="Um")
    with attributed(task="billing.tasks.suspend"):
        Client.objects.filter(pk=client.pk).update(status="paused")
    client.delete()

    entries = audit_entries(AuditQuestion(object_id=str(client.public_id)))

    assert [(entry.verb, entry.who) for entry in entries] == [
        ("deleted", ""),
        ("changed", "suspend"),
        ("created", ""),
    ]


def test_a_reason_ends_with_its_block(acacia: Tenant) -> None:
    with because("first"):
        make_client(tenant=acacia, name="Um")
    make_client(tenant=acacia, name="Dois")

    reasons = {e.subject: e.reason for e in audit_entries(AuditQuestion(model="clients.client"))}

    assert reasons == {"Um": "first", "Dois": ""}


def test_pages_of_one_transaction_neither_repeat_nor_skip(acacia: Tenant) -> None:
    for number in range(7):
        make_client(tenant=acacia, name=f"Client {number}", phone=f"+551198765432{number}")

    seen = []
    question = AuditQuestion()
    while page := audit_entries(question, limit=3):
        seen += [entry.position for entry in page]
        question = AuditQuestion(older_than=page[-1].position)

    assert len(seen) == len(set(seen)) == 14


def test_the_number_of_queries_does_not_grow(
    acacia: Tenant, django_assert_num_queries: Any
) -> None:
    marina = make_member(tenant=acacia)
    for number in range(20):
        make_client(tenant=acacia, name=f"Client {number}")
    with attributed(user_id=marina.pk):
        Client.objects.update(city="Jundiaí")
    with django_assert_num_queries(4):
        assert len(audit_entries(AuditQuestion(model="clients.client"))) == 40


@pytest.mark.commits
def test_a_tenant_reads_its_own_audit_only(acacia: Tenant, baobab: Tenant) -> None:
    with acting_for(baobab.pk):
        make_client(tenant=baobab)
    with acting_for(acacia.pk):
        assert audit_entries(AuditQuestion()) == []


@pytest.mark.commits
def test_a_change_keeps_its_cause_through_acting_for(acacia: Tenant) -> None:
    with attributed(command="load"), acting_for(acacia.pk):
        make_client(tenant=acacia)
    with acting_for(acacia.pk):
        make_client(tenant=acacia, name="Later")
        causes = [entry.who for entry in audit_entries(AuditQuestion(model="clients.client"))]
    assert causes == ["", "load"]


@pytest.mark.commits
def test_events_cannot_be_changed_or_deleted(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        make_client(tenant=acacia)
    for statement in (
        "UPDATE clients_clientevent SET name = 'x'",
        "DELETE FROM clients_clientevent",
    ):
        with (
            pytest.raises(Exception, match="permission denied"),
            acting_for(acacia.pk),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
