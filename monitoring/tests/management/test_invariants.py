from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from clients.kernel.tenancy import acting_for
from clients.models import StoredFile, Tenant
from clients.testing import make_client

pytestmark = pytest.mark.commits


@pytest.fixture(autouse=True)
def without_the_suites_own_table(acacia: Tenant, baobab: Tenant) -> None:
    """The template's list of tenants is the suite's, not the product's."""
    as_owner("DROP TABLE tests_tenant")


def broken(*codes: str) -> dict[str, list[dict[str, Any]]]:
    """The rows that offend, by the name of the invariant; asserts that the exit status agrees."""
    out = StringIO()
    status = 0
    try:
        call_command("invariants", "--json", *codes, stdout=out)
    except SystemExit as end:
        status = int(end.code or 0)
    answer = json.loads(out.getvalue())
    found = {rule["name"]: rule["rows"] for rule in answer["invariants"] if rule["rows"]}
    assert status == (1 if found else 0)
    assert answer["ok"] is not bool(found)
    return found


def as_owner(*statements: str) -> None:
    with connections["owner"].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_a_fresh_database_breaks_none(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        make_client(tenant=acacia, phone="+5511987654321")
    assert broken() == {}


def test_a_table_without_its_policies_is_found(acacia: Tenant) -> None:
    as_owner(
        "ALTER TABLE clients_client NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenant_only ON clients_contactpoint",
        "CREATE TABLE forgotten (id bigint, tenant_id bigint)",
    )
    rows = broken("I13")["monitoring.tables_secured"]
    assert {(row["table"], row["reason"]) for row in rows} == {
        ("clients_client", "row-level security is not enabled and forced"),
        ("clients_contactpoint", "policy tenant_only is missing"),
        ("forgotten", "row-level security is not enabled and forced"),
        ("forgotten", "policy tenant_only is missing"),
        ("forgotten", "policy tenant_rows is missing"),
        ("forgotten", "policy platform_rows is missing"),
    }


def test_a_policy_that_lets_more_in_is_found(acacia: Tenant) -> None:
    as_owner(
        "CREATE POLICY backdoor ON clients_client USING (true)",
        "ALTER POLICY tenant_only ON clients_contactpoint USING (true)",
    )
    rows = broken("I13")["monitoring.tables_secured"]
    assert {(row["table"], row["reason"]) for row in rows} == {
        ("clients_client", "policy backdoor also lets app in"),
        ("clients_contactpoint", "policy tenant_only is not ours"),
    }


def test_an_open_definer_function_is_found(acacia: Tenant) -> None:
    as_owner("CREATE FUNCTION leak() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'")
    assert broken("I13")["monitoring.definer_functions_are_closed"] == [
        {"function": "leak", "reason": "no fixed search_path, open to everyone"}
    ]


def test_a_right_to_truncate_is_found(acacia: Tenant, settings: Any) -> None:
    as_owner(f'GRANT TRUNCATE ON clients_client TO "{settings.DATABASE_ROLES["app"]}"')
    assert broken("I13")["monitoring.grants_are_narrow"] == [
        {"table": "clients_client", "reason": "app may truncate, trigger or reference"}
    ]


def test_a_reference_into_another_tenant_is_found(acacia: Tenant, baobab: Tenant) -> None:
    with acting_for(acacia.pk):
        ours = make_client(tenant=acacia, phone="+5511987654321")
    with acting_for(baobab.pk):
        theirs = make_client(tenant=baobab)
    as_owner(
        "ALTER TABLE clients_contactpoint DROP CONSTRAINT clients_contactpoint_client_id_tenant_fk",
        f"UPDATE clients_contactpoint SET client_id = {theirs.pk} WHERE client_id = {ours.pk}",
        "ALTER TABLE clients_contactpoint ADD CONSTRAINT by_id FOREIGN KEY (client_id) "
        "REFERENCES clients_client (id)",
    )
    found = broken("I11")
    [row] = found["monitoring.references_within_tenant"]
    assert (row["table"], row["column"], row["points_at"]) == (
        "clients_contactpoint",
        "client_id",
        theirs.pk,
    )
    assert found["monitoring.references_have_composite_keys"] == [
        {"table": "clients_contactpoint", "column": "client_id", "reason": "no composite key"}
    ]


def test_a_file_that_changed_is_found(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        file = StoredFile.objects.create(
            kind="test",
            name="a.txt",
            content_type="text/plain",
            content=b"abc",
            sha256=b"\0" * 32,
            size_bytes=3,
        )
    assert broken("I15")["monitoring.files_are_intact"] == [
        {"tenant_id": acacia.pk, "id": file.pk, "reason": "another SHA-256"}
    ]


def test_an_invalid_constraint_is_found(acacia: Tenant) -> None:
    as_owner(
        "ALTER TABLE clients_client ADD CONSTRAINT later CHECK (name <> 'x') NOT VALID",
    )
    assert broken("I18")["monitoring.indexes_are_valid"] == [
        {"name": "later", "reason": "the constraint is not validated"}
    ]


def test_an_unknown_code_ends_with_one_sentence(acacia: Tenant) -> None:
    with pytest.raises(CommandError, match="no invariant I99") as refusal:
        call_command("invariants", "I99")
    assert refusal.value.returncode == 2
