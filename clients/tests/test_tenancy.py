from __future__ import annotations

import pytest
from django.db import connection, transaction

from clients.kernel.tenancy import NoTenant, OtherTenant, acting_for
from clients.models import Client, Tenant
from clients.testing import make_client


def test_a_query_outside_a_tenant_is_refused(db: None) -> None:
    with pytest.raises(NoTenant):
        Client.objects.count()


def test_a_tenant_sees_its_own_clients_only(acacia: Tenant, baobab: Tenant) -> None:
    make_client(tenant=acacia, name="Ours")
    assert [client.name for client in Client.objects.all()] == ["Ours"]


@pytest.mark.commits
def test_rows_of_another_tenant_cannot_be_seen(baobab: Tenant) -> None:
    with acting_for(baobab.pk):
        make_client(tenant=baobab)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM clients_client")
        assert cursor.fetchone() == (0,)
    with acting_for(baobab.pk):
        assert Client.objects.count() == 1


def test_scopes_do_not_nest_another_tenant(acacia: Tenant, baobab: Tenant) -> None:
    with pytest.raises(OtherTenant), acting_for(baobab.pk):
        pass


def test_a_row_for_another_tenant_is_refused(acacia: Tenant, baobab: Tenant) -> None:
    with pytest.raises(Exception, match="row-level security"), transaction.atomic():
        make_client(tenant=baobab)
    assert Client.objects.count() == 0
