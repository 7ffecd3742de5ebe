"""What holds of every table, whoever owns it. Apps keep their own rules in the same place."""

from __future__ import annotations

import re
from typing import Any, Final

from django.apps import apps
from django.conf import settings

from clients.kernel.fields import CannotDecrypt, EncryptedTextField
from clients.kernel.invariants import MOST_ROWS, Row, invariant, offending
from clients.kernel.leases import LeasedModel
from clients.kernel.tenancy import TenantForeignKey

TENANT_TABLES: Final = """
    SELECT c.oid, c.relname, c.relkind, c.relispartition, c.relrowsecurity, c.relforcerowsecurity,
           CASE WHEN c.relname = 'clients_tenant' THEN 'id' ELSE 'tenant_id' END AS column
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'pulso' AND c.relkind IN ('r', 'p') AND (c.relname = 'clients_tenant' OR
        EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'
                AND NOT a.attisdropped))
"""
LATE: Final = "interval '10 minutes'"


@invariant("I4", "Every due row is done, dead with its reason, or tried in time.")
def due_rows_in_time() -> list[Row]:
    found: list[Row] = []
    for model in leased_models():
        table = model._meta.db_table
        found += offending(
            f"""
            SELECT %s AS table, tenant_id, id, attempts, CASE
                WHEN died_at IS NOT NULL AND due_at IS NOT NULL THEN 'dead, and still due'
                WHEN died_at IS NOT NULL AND last_error = '' THEN 'dead without a reason'
                WHEN due_at IS NULL AND leased_until IS NOT NULL THEN 'done, and still leased'
                WHEN attempts > %s THEN 'tried too often'
                ELSE 'due for more than 10 minutes, and nobody has it' END AS reason
            FROM {table} WHERE (died_at IS NOT NULL AND (due_at IS NOT NULL OR last_error = ''))
                OR (due_at IS NULL AND leased_until IS NOT NULL)
                OR (attempts > %s AND died_at IS NULL AND due_at IS NOT NULL)
                OR (due_at < clock_timestamp() - {LATE} AND died_at IS NULL
                    AND coalesce(leased_until, '-infinity') < clock_timestamp() - {LATE})
            ORDER BY id
            """,
            [table, model.max_attempts, model.max_attempts],
        )
    return found


def leased_models() -> list[type[LeasedModel]]:
    """The tables whose rows promise an effect on the outside."""
    return [model for model in apps.get_models() if issubclass(model, LeasedModel)]


@invariant("I11", "A row points only at rows of its own tenant.")
def references_within_tenant() -> list[Row]:
    found: list[Row] = []
    for child, column, parent in tenant_references():
        found += offending(
            f"""
            SELECT %s AS table, c.tenant_id, c.id, %s AS column, c."{column}" AS points_at,
                   p.tenant_id AS of_tenant
            FROM "{child}" c LEFT JOIN "{parent}" p ON p.id = c."{column}"
            WHERE c."{column}" IS NOT NULL AND p.tenant_id IS DISTINCT FROM c.tenant_id
            """,
            [child, column],
        )
    return found


def tenant_references() -> list[tuple[str, str, str]]:
    """(table, column, table pointed at) of every foreign key between tenant tables."""
    rows = offending(
        f"""
        WITH tenant_table AS ({TENANT_TABLES})
        SELECT child.relname AS child, a.attname AS column, parent.relname AS parent
        FROM pg_constraint k
        JOIN tenant_table child ON child.oid = k.conrelid AND NOT child.relispartition
        JOIN tenant_table parent ON parent.oid = k.confrelid AND parent.column = 'tenant_id'
        CROSS JOIN LATERAL unnest(k.conkey) AS key (number)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = key.number
        JOIN pg_attribute own ON own.attrelid = k.conrelid AND own.attname = 'id'
        WHERE k.contype = 'f' AND a.attname <> 'tenant_id'
        ORDER BY 1, 2
        """,
        most=None,
    )
    return [(row["child"], row["column"], row["parent"]) for row in rows]


@invariant("I11", "Every key between tenant tables is held by the database, tenant included.")
def references_have_composite_keys() -> list[Row]:
    held = {
        (row["table"], row["column"])
        for row in offending(
            """
            SELECT c.relname AS table, a.attname AS column FROM pg_constraint k
            JOIN pg_class c ON c.oid = k.conrelid
            JOIN pg_attribute t ON t.attrelid = c.oid AND t.attname = 'tenant_id'
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (k.conkey)
            WHERE k.contype = 'f' AND t.attnum = ANY (k.conkey) AND cardinality(k.conkey) = 2
            """,
            most=None,
        )
    }
    return [
        {"table": model._meta.db_table, "column": field.column, "reason": "no composite key"}
        for model in apps.get_models()
        if not is_audit(model) and model._meta.managed
        for field in model._meta.local_concrete_fields
        if isinstance(field, TenantForeignKey) and (model._meta.db_table, field.column) not in held
    ]


def is_audit(model: Any) -> bool:
    """Whether the model holds events, which outlive what they tell about."""
    return any(field.name == "pgh_id" for field in model._meta.local_concrete_fields)


@invariant("I13", "Row-level security stands on every tenant table, with exactly our policies.")
def tables_secured() -> list[Row]:
    found: list[Row] = []
    policies: dict[str, dict[str, Row]] = {}
    for row in offending(
        "SELECT tablename, policyname, permissive, roles::text[] AS roles, cmd, qual, with_check "
        "FROM pg_policies WHERE schemaname = 'pulso'",
        most=None,
    ):
        policies.setdefault(row["tablename"], {})[row["policyname"]] = row
    for table in offending(TENANT_TABLES + " ORDER BY c.relname", most=None):
        if table["relispartition"]:
            continue
        found += [
            {"table": table["relname"], "reason": reason}
            for reason in flaws(table, policies.get(table["relname"], {}))
        ]
    return found


def flaws(table: Row, policies: dict[str, Row]) -> list[str]:
    """What is wrong with the security of one table, in words."""
    app = settings.DATABASE_ROLES["app"]
    others = sorted(settings.DATABASE_ROLES[name] for name in ("owner", "ops", "backup"))
    own = (
        f"({table['column']} = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), "
        "''::text))::bigint AS \"nullif\"))"
    )
    wanted = {
        "tenant_only": ("RESTRICTIVE", [app], own),
        "tenant_rows": ("PERMISSIVE", [app], "true"),
        "platform_rows": ("PERMISSIVE", others, "true"),
    }
    found = []
    if not (table["relrowsecurity"] and table["relforcerowsecurity"]):
        found.append("row-level security is not enabled and forced")
    for name, (kind, roles, text) in wanted.items():
        policy = policies.get(name)
        if policy is None:
            found.append(f"policy {name} is missing")
        elif (
            (policy["permissive"], sorted(policy["roles"]), policy["cmd"]) != (kind, roles, "ALL")
            or spaced(policy["qual"]) != text
            or spaced(policy["with_check"]) != text
        ):
            found.append(f"policy {name} is not ours")
    strange = [
        name
        for name, policy in policies.items()
        if name not in wanted and {app, "public"} & set(policy["roles"])
    ]
    return found + [f"policy {name} also lets app in" for name in strange]


def spaced(text: str | None) -> str:
    """SQL with every stretch of white space made one space."""
    return re.sub(r"\s+", " ", text or "")


@invariant("I13", "No role can step over row-level security or own what it works on.")
def roles_are_harmless() -> list[Row]:
    roles = list(settings.DATABASE_ROLES.values())
    return offending(
        """
        SELECT rolname AS role, concat_ws(', ',
            CASE WHEN rolsuper THEN 'is a superuser' END,
            CASE WHEN rolbypassrls THEN 'bypasses row-level security' END,
            CASE WHEN rolname <> %s AND pg_has_role(rolname, %s, 'MEMBER')
                 THEN 'is a member of the owner' END) AS reason
        FROM pg_roles WHERE rolname = ANY (%s) AND (rolsuper OR rolbypassrls
            OR (rolname <> %s AND pg_has_role(rolname, %s, 'MEMBER')))
        """,
        [settings.DATABASE_ROLES["owner"]] * 2 + [roles] + [settings.DATABASE_ROLES["owner"]] * 2,
    )


@invariant("I13", "app cannot truncate, touch a partition, or read what has no policy.")
def grants_are_narrow() -> list[Row]:
    app = settings.DATABASE_ROLES["app"]
    return offending(
        """
        SELECT c.relname AS table, CASE WHEN c.relispartition THEN 'app has rights on a partition'
            WHEN c.relkind IN ('v', 'm') THEN 'a view is open to app'
            ELSE 'app may truncate, trigger or reference' END AS reason
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'pulso' AND (
            (c.relkind IN ('r', 'p')
             AND has_table_privilege(%s, c.oid, 'TRUNCATE, REFERENCES, TRIGGER'))
            OR (c.relkind IN ('v', 'm')
                AND has_table_privilege(%s, c.oid, 'SELECT, INSERT, UPDATE, DELETE'))
            OR (c.relispartition
                AND has_table_privilege(%s, c.oid, 'SELECT, INSERT, UPDATE, DELETE')))
        ORDER BY 1
        """,
        [app, app, app],
    )


@invariant("I13", "A function that runs as the owner has a fixed search_path and is not public.")
def definer_functions_are_closed() -> list[Row]:
    return offending(
        """
        SELECT p.proname AS function, concat_ws(', ',
            CASE WHEN NOT coalesce(p.proconfig::text LIKE '%%search_path=%%', false)
                 THEN 'no fixed search_path' END,
            CASE WHEN has_function_privilege('public', p.oid, 'EXECUTE')
                 THEN 'open to everyone' END) AS reason
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'pulso' AND p.prosecdef AND (
            NOT coalesce(p.proconfig::text LIKE '%%search_path=%%', false)
            OR has_function_privilege('public', p.oid, 'EXECUTE'))
        ORDER BY 1
        """,
        [],
    )


@invariant("I15", "Every stored file is the one that was stored.")
def files_are_intact() -> list[Row]:
    return offending(
        "SELECT tenant_id, id, CASE WHEN sha256 <> sha256(content) THEN 'another SHA-256' "
        "ELSE 'another size' END AS reason FROM clients_storedfile "
        "WHERE sha256 <> sha256(content) OR size_bytes <> length(content) ORDER BY id"
    )


@invariant("I16", "Every secret opens with a live key, in the row it was sealed for.")
def secrets_open() -> list[Row]:
    found: list[Row] = []
    for model in apps.get_models():
        fields = [f for f in model._meta.concrete_fields if isinstance(f, EncryptedTextField)]
        if not fields:
            continue
        for row in model._default_manager.order_by("pk").iterator(chunk_size=500):
            for field in fields:
                try:
                    getattr(row, field.attname)
                except CannotDecrypt:
                    found.append(
                        {
                            "table": model._meta.db_table,
                            "tenant_id": getattr(row, "tenant_id", None),
                            "id": row.pk,
                            "reason": f"{field.column} does not open",
                        }
                    )
            if len(found) >= MOST_ROWS:
                return found
    return found


@invariant("I18", "No index is invalid and no constraint waits to be validated.")
def indexes_are_valid() -> list[Row]:
    return offending(
        """
        SELECT c.relname AS name, 'the index is not valid' AS reason
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'pulso' AND NOT (i.indisvalid AND i.indisready)
        UNION ALL
        SELECT k.conname, 'the constraint is not validated' FROM pg_constraint k
        JOIN pg_namespace n ON n.oid = k.connamespace
        WHERE n.nspname = 'pulso' AND NOT k.convalidated
        """
    )
