"""Leased rows, tried on one of messaging's: the kernel has no table of its own."""

from __future__ import annotations

import itertools
import threading
from datetime import timedelta

import pytest
from django.db import connection, connections

from clients.kernel.leases import Lease, bury, done, lease, lease_one, postpone
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from messaging.models import WebhookNotice
from messaging.testing import make_channel_account

pytestmark = pytest.mark.commits
MINUTE = timedelta(minutes=1)
_serial = itertools.count(1)


def make_due(tenant: Tenant, count: int = 1) -> list[int]:
    """Ids of notices that are due now."""
    with acting_for(tenant.pk):
        account = make_channel_account(tenant=tenant)
        return [
            WebhookNotice.objects.create(
                account=account, raw=b"{}", raw_sha256=next(_serial).to_bytes(32, "big")
            ).pk
            for _ in range(count)
        ]


def row(tenant: Tenant, key: int) -> WebhookNotice:
    with acting_for(tenant.pk):
        return WebhookNotice.objects.get(pk=key)


def let_lease_end(tenant: Tenant) -> None:
    with acting_for(tenant.pk), connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_webhooknotice SET leased_until = now() - interval '1 s'")


def test_rows_of_every_tenant_are_leased_without_opening_one(
    acacia: Tenant, baobab: Tenant
) -> None:
    ours, theirs = make_due(acacia)[0], make_due(baobab)[0]
    held = lease(WebhookNotice, 10, MINUTE)
    assert {(one.tenant_id, one.id, one.attempt) for one in held} == {
        (acacia.pk, ours, 1),
        (baobab.pk, theirs, 1),
    }
    assert lease(WebhookNotice, 10, MINUTE) == []


def test_two_workers_never_hold_the_same_row(acacia: Tenant) -> None:
    keys = make_due(acacia, 40)
    held: list[Lease] = []
    together = threading.Barrier(4)

    def worker() -> None:
        together.wait(10)
        while found := lease(WebhookNotice, 3, MINUTE):
            held.extend(found)
        connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(one.id for one in held) == keys


def test_who_comes_back_late_changes_nothing(acacia: Tenant) -> None:
    key = make_due(acacia)[0]
    late = lease_one(WebhookNotice, acacia.pk, key, MINUTE)
    let_lease_end(acacia)
    second = lease_one(WebhookNotice, acacia.pk, key, MINUTE)
    assert late is not None
    assert second is not None

    with acting_for(acacia.pk):
        assert (late.attempt, second.attempt) == (1, 2)
        assert not done(WebhookNotice, late)
        assert not postpone(WebhookNotice, late, MINUTE, "slow")
        assert not bury(WebhookNotice, late, "slow")
        assert done(WebhookNotice, second)
        assert not done(WebhookNotice, second)
    assert row(acacia, key).due_at is None


def test_a_worker_that_died_is_followed_by_another(acacia: Tenant) -> None:
    key = make_due(acacia)[0]
    lease(WebhookNotice, 1, MINUTE)
    assert lease(WebhookNotice, 1, MINUTE) == []
    let_lease_end(acacia)
    assert [one.id for one in lease(WebhookNotice, 1, MINUTE)] == [key]


def test_a_row_whose_attempts_are_used_up_is_buried_with_its_error(acacia: Tenant) -> None:
    key = make_due(acacia)[0]
    for _ in range(WebhookNotice.max_attempts):
        (held,) = lease(WebhookNotice, 1, MINUTE)
        with acting_for(acacia.pk):
            assert postpone(WebhookNotice, held, timedelta(), "provider is down")

    assert lease(WebhookNotice, 1, MINUTE) == []
    dead = row(acacia, key)
    assert dead.died_at is not None
    assert (dead.due_at, dead.last_error) == (None, "gave up: provider is down")


def test_a_postponed_row_waits_by_the_databases_clock(acacia: Tenant) -> None:
    key = make_due(acacia)[0]
    (held,) = lease(WebhookNotice, 1, MINUTE)
    with acting_for(acacia.pk):
        postpone(WebhookNotice, held, timedelta(hours=1), "x" * 600)
    assert lease(WebhookNotice, 1, MINUTE) == []
    waiting = row(acacia, key)
    assert waiting.due_at is not None
    assert (len(waiting.last_error), waiting.leased_until) == (500, None)


def test_one_row_is_leased_of_its_own_tenant_only(acacia: Tenant, baobab: Tenant) -> None:
    key = make_due(acacia)[0]
    assert lease_one(WebhookNotice, baobab.pk, key, MINUTE) is None
    assert lease_one(WebhookNotice, acacia.pk, key, MINUTE) is not None
    assert lease_one(WebhookNotice, acacia.pk, key, MINUTE) is None
