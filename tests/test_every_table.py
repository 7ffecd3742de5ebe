"""Row-level security of every table that exists, read from the database's own catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.utils import DatabaseError

from clients.kernel.rls import OPEN_TENANT
from clients.models import Tenant
from clients.testing import make_user
from tests.rows import Rows, owner, tenant_tables

pytestmark = pytest.mark.commits
NONE, READ = "", "SELECT"
CHANGE = "INSERT, SELECT, UPDATE"
ALL = "DELETE, INSERT, SELECT, UPDATE"

# Tables without a tenant, and what `app` may do with them.
PLATFORM_TABLES = {
    "auth_group": NONE,
    "auth_group_permissions": NONE,
    "auth_permission": READ,
    "axes_accessattempt": ALL,
    "axes_accessattemptexpiration": ALL,
    "axes_accessfailurelog": ALL,
    "axes_accesslog": ALL,
    "clients_jobslot": "DELETE, INSERT, SELECT",
    "clients_tenant": "SELECT, UPDATE",  # secured by its own id
    "clients_user": CHANGE,
    "django_admin_log": NONE,
    "django_celery_beat_clockedschedule": ALL,
    "django_celery_beat_crontabschedule": ALL,
    "django_celery_beat_intervalschedule": ALL,
    "django_celery_beat_periodictask": ALL,
    "django_celery_beat_periodictasks": ALL,
    "django_celery_beat_solarschedule": ALL,
    "django_content_type": READ,
    "django_migrations": READ,
    "django_session": ALL,
    "otp_static_staticdevice": ALL,
    "otp_static_statictoken": ALL,
    "otp_totp_totpdevice": ALL,
    "pghistory_context": NONE,
    "token_blacklist_blacklistedtoken": ALL,
    "token_blacklist_outstandingtoken": ALL,
}
# What runs as the owner, and who may call it. Each takes a hash or a limit and returns ids only,
# or stores what the ingest lane brings; none tells one tenant's data to another.
DEFINER_FUNCTIONS = {
    "tenants_of_user": "app",
    "messaging_account_of_webhook": "app",
    "lease_messaging_message": "app",
    "lease_messaging_webhooknotice": "app",
    "meters_make_partition": "ingest",
    "meters_store_or_report": "ingest",
    "meters_quarantine": "ingest",
    "meters_senders": "ingest",
    "meters_note_clocks": "ingest",
    "lease_meters_forwardbatch": "app",
    "meters_touched_tenants": "app",
    "meters_change_tenants": "app",
    "meters_tenants_with_meters": "app",
    "lease_meters_historygap": "app",
    "meters_claim_brokers": "app",
    "meters_alarm_tenants": "app",
    "meters_keep_chunk": "ingest",
    "meters_take_back": "app",
    "meters_open_imports": "app",
    "meters_open_exports": "app",
    "meters_retention_tenants": "app",
    "meters_set_apart": "app",
    "meters_forget_raw": "app",
    "meters_drop_partition": "app",
    "meters_claim_connection": "app",
    "meters_claim_connections": "app",
    "meters_next_connection_due": "app",
    "meters_touch": "app",  # of the open tenant
    "meters_zone_changed": "owner",  # a trigger's
    "oldest_due": "app",
    "forget_expired": "app",
    "business_figures": "app",
    "tenants_with_untold_alarms": "app",
    "billing_check_balance": "owner",  # a trigger's
    "gateway_account_by_token": "app",
    "gateway_accounts_to_ask": "app",
    "lease_billing_gatewaynotice": "app",
    "open_billing_runs": "app",
    "tenants_with_untold_invoices": "app",
}
# Relations between tenant tables that the database does not hold, and why.
LOOSE_RELATIONS = {
    "meters_reading.meter_id": "the lane checks the meter against the key's own list",
}


@pytest.fixture
def database() -> Iterator[psycopg.Connection[Any]]:
    with owner() as found:
        yield found


@contextmanager
def as_app(tenant_id: int | None) -> Iterator[Any]:
    """A cursor of the role `app`, with a tenant set or not; whatever it does is rolled back."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            if tenant_id is not None:
                cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [str(tenant_id)])
            yield cursor
        transaction.set_rollback(True)


def refused(tenant_id: int, statement: str) -> bool:
    """Whether `app` is refused the statement, or it touches no row."""
    try:
        with as_app(tenant_id) as cursor:
            cursor.execute(statement)
            touched = cursor.rowcount
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except DatabaseError:
        return True
    return touched == 0


def asked(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def test_every_tenant_sees_and_touches_only_its_own_rows(
    acacia: Tenant, baobab: Tenant, database: psycopg.Connection[Any]
) -> None:
    make_user()
    rows = Rows(database)
    rows.fill(acacia.pk, baobab.pk)

    wrong: list[str] = []
    for name, table in rows.tables.items():
        with as_app(None) as cursor:
            cursor.execute(f'SELECT count(*) FROM "{name}"')
            if cursor.fetchone() != (0,):
                wrong.append(f"{name}: rows are seen without a tenant")
        with as_app(acacia.pk) as cursor:
            cursor.execute(f'SELECT DISTINCT tenant_id FROM "{name}"')
            if cursor.fetchall() != [(acacia.pk,)]:
                wrong.append(f"{name}: acacia does not see exactly its own rows")
        theirs = f"tenant_id = {baobab.pk}"
        for statement in (
            f'UPDATE "{name}" SET tenant_id = tenant_id WHERE {theirs}',
            f'UPDATE "{name}" SET tenant_id = {baobab.pk}',
            f'DELETE FROM "{name}" WHERE {theirs}',
            _copied_to(rows, name, acacia.pk, baobab.pk),
            f'TRUNCATE "{name}"',
        ):
            wrong += [f"{name}: {statement}"] * (not refused(acacia.pk, statement))
        for column, parent in table.parents.items():
            key = rows.made[parent, baobab.pk]["id"]
            try:
                with database.transaction(force_rollback=True):
                    # Their row goes first, so that no other key says no in this one's place.
                    database.execute(f'DELETE FROM "{name}" WHERE {theirs}'.encode())
                    database.execute(
                        f'UPDATE "{name}" SET "{column}" = {key} '
                        f"WHERE tenant_id = {acacia.pk}".encode()
                    )
                    database.execute(f'SET CONSTRAINTS "{table.keys[column]}" IMMEDIATE'.encode())
                wrong.append(f"{name}.{column} may point at another tenant's {parent}")
            except psycopg.errors.ForeignKeyViolation:
                pass
    assert wrong == []
    assert len(rows.tables) > 10


def _copied_to(rows: Rows, name: str, from_tenant: int, to_tenant: int) -> str:
    """The tenant's own row, inserted again as another tenant's."""
    made = rows.made[name, from_tenant]
    columns = [column.name for column in rows.tables[name].columns if column.name != "id"]
    listed = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(
        str(to_tenant) if column == "tenant_id" else f'"{column}"' for column in columns
    )
    where = f"tenant_id = {from_tenant}" + (f" AND id = {made['id']}" if "id" in made else "")
    return f'INSERT INTO "{name}" ({listed}) SELECT {values} FROM "{name}" WHERE {where}'


def test_every_table_is_secured_or_listed_as_the_platforms(
    acacia: Tenant, database: psycopg.Connection[Any]
) -> None:
    secured = set(tenant_tables(database))
    tables = asked(
        "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class "
        "WHERE relnamespace = 'pulso'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f') "
        "AND NOT relispartition AND relname NOT LIKE 'tests%%'"
    )
    assert {name for name, _ in tables} == secured | set(PLATFORM_TABLES)
    assert {name for name, is_secured in tables if is_secured} == secured | {"clients_tenant"}


def test_every_tenant_table_has_the_policies_of_the_design(acacia: Tenant) -> None:
    app = settings.DATABASE_ROLES["app"]
    lane = ("PERMISSIVE", f"{{{settings.DATABASE_ROLES['ingest']}}}")
    policies = asked(
        "SELECT tablename, policyname, permissive, roles::text, qual, with_check, cmd "
        "FROM pg_policies WHERE schemaname = 'pulso'"
    )
    by_table: dict[str, dict[str, tuple[Any, ...]]] = {}
    for table, name, *rest in policies:
        by_table.setdefault(table, {})[name] = tuple(rest)
    for table, found in by_table.items():
        column = "id" if table == "clients_tenant" else "tenant_id"
        assert set(found) - {"ingest_rows"} == {"tenant_only", "tenant_rows", "platform_rows"}
        assert found.get("ingest_rows", lane)[:2] == lane, table
        kind, roles, using, checks, command = found["tenant_only"]
        assert (kind, roles, command) == ("RESTRICTIVE", f"{{{app}}}", "ALL"), table
        assert using == checks
        assert _bare(using) == _bare(f"({column} = {OPEN_TENANT})"), table
        assert found["tenant_rows"][:2] == ("PERMISSIVE", f"{{{app}}}"), table
        assert app not in found["platform_rows"][1], table


def _bare(expression: str) -> str:
    """The expression without what PostgreSQL adds when it prints one."""
    for noise in ("::text", " AS current_setting", ' AS "nullif"', " ", "(", ")"):
        expression = expression.replace(noise, "")
    return expression.lower()


def test_the_platforms_tables_grant_what_is_listed(acacia: Tenant) -> None:
    found = asked(
        "SELECT c.relname, coalesce(string_agg(p.privilege_type, ', ' ORDER BY p.privilege_type) "
        "FILTER (WHERE has_table_privilege(%s, c.oid, p.privilege_type)), '') "
        "FROM pg_class c, unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE',"
        "'REFERENCES','TRIGGER']) AS p(privilege_type) "
        "WHERE c.relname = ANY(%s) AND c.relnamespace = 'pulso'::regnamespace GROUP BY 1",
        settings.DATABASE_ROLES["app"],
        list(PLATFORM_TABLES),
    )
    assert dict(found) == PLATFORM_TABLES


def test_nobody_but_the_lane_has_rights_on_partitions(
    acacia: Tenant, database: psycopg.Connection[Any]
) -> None:
    database.execute("SELECT meters_make_partition(current_date)")
    rights = asked(
        "SELECT c.relname, r.role FROM pg_class c, unnest(%s::text[]) AS r(role), "
        "unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE']) AS p(privilege) "
        "WHERE c.relispartition AND c.relnamespace = 'pulso'::regnamespace "
        "AND has_table_privilege(r.role, c.oid, p.privilege)",
        [settings.DATABASE_ROLES[name] for name in ("app", "ops")],
    )
    assert rights == []


def test_relations_between_tenant_tables_are_held_with_the_tenant(
    acacia: Tenant, database: psycopg.Connection[Any]
) -> None:
    held = {
        (child, columns)
        for child, columns in asked(
            "SELECT conrelid::regclass::text, (SELECT array_agg(attname::text ORDER BY attname) "
            "FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY(conkey))::text "
            "FROM pg_constraint WHERE contype = 'f' AND connamespace = 'pulso'::regnamespace "
            "AND condeferrable"
        )
    }
    tables = tenant_tables(database)
    missing = {
        f"{model._meta.db_table}.{field.column}"
        for model in apps.get_models()
        if model._meta.db_table in tables and not model._meta.db_table.endswith("event")
        for field in model._meta.local_concrete_fields
        if field.is_relation and field.related_model._meta.db_table in tables
        if (model._meta.db_table, "{" + ",".join(sorted([field.column, "tenant_id"])) + "}")
        not in held
    }
    assert missing == set(LOOSE_RELATIONS)


def test_functions_that_run_as_the_owner_are_listed(acacia: Tenant) -> None:
    found = asked(
        "SELECT proname, proconfig::text, proacl::text FROM pg_proc "
        "WHERE pronamespace = 'pulso'::regnamespace AND prosecdef"
    )
    roles = settings.DATABASE_ROLES
    assert {name: (config, set(acl.strip("{}").split(","))) for name, config, acl in found} == {
        name: (
            '{"search_path=pulso, pg_temp"}',
            {f"{roles['owner']}=X/{roles['owner']}", f"{roles[caller]}=X/{roles['owner']}"},
        )
        for name, caller in DEFINER_FUNCTIONS.items()
    }


def test_no_role_of_ours_is_strong_and_none_is_another(acacia: Tenant) -> None:
    roles = list(settings.DATABASE_ROLES.values())
    strong = asked(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND (rolsuper OR rolbypassrls "
        "OR rolcreaterole OR rolcreatedb OR rolreplication)",
        roles,
    )
    members = asked(
        "SELECT a.rolname, b.rolname FROM pg_roles a, pg_roles b WHERE a.rolname = ANY(%s) "
        "AND b.rolname <> a.rolname AND pg_has_role(a.oid, b.oid, 'MEMBER')",
        roles,
    )
    owned = asked(
        "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner "
        "WHERE r.rolname = ANY(%s)",
        [settings.DATABASE_ROLES[name] for name in ("app", "ingest", "ops", "backup")],
    )
    assert (strong, members, owned) == ([], [], [(0,)])


def test_the_schema_public_is_empty_and_closed(acacia: Tenant) -> None:
    assert (
        asked(
            "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('public') "
            "UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace('public')"
        )
        == []
    )
    assert asked("SELECT has_schema_privilege(current_user, 'pulso', 'CREATE')") == [(False,)]
