"""Migration operations that secure a table. Put them at the end of the migration that creates it.

The policies follow DESIGN §4: a RESTRICTIVE one ties `app` to the transaction's tenant, so that a
stray permissive policy cannot widen it; the platform's roles see all rows. A role that is not
named sees nothing.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.migrations.operations.base import Operation

SCHEMA = "pulso"
OPEN_TENANT = "(SELECT nullif(current_setting('app.tenant_id', true), '')::bigint)"
EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"


def role(name: str) -> str:
    """The quoted database role that plays `name` (owner, app, ingest, ops or backup)."""
    return f'"{settings.DATABASE_ROLES[name]}"'


class _Statements(Operation):
    """An operation that only runs SQL; the models' state is untouched."""

    reversible = True
    atomic = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        for statement in self.forwards(app_label, to_state.apps):
            schema_editor.execute(statement, params=None)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        for statement in self.backwards(app_label, from_state.apps):
            schema_editor.execute(statement, params=None)

    def forwards(self, app_label: str, apps: Any) -> list[str]:
        raise NotImplementedError

    def backwards(self, app_label: str, apps: Any) -> list[str]:
        return []  # the table goes away with the migration that made it


class SecureTenantTable(_Statements):
    """Row-level security, grants, UNIQUE (tenant_id, id) and composite keys for one model.

    `grants` are what `app` may do. Every foreign key to another tenant table becomes a deferrable
    key on (tenant_id, column), so that no row can point at another tenant's.
    """

    def __init__(
        self,
        model: str,
        grants: str = EVERYTHING,
        ops_grants: str = "SELECT",
        column: str = "tenant_id",
    ) -> None:
        self.model, self.grants, self.ops_grants = model, grants, ops_grants
        self.column = column

    def describe(self) -> str:
        return f"Secure the rows of {self.model} by tenant"

    def forwards(self, app_label: str, apps: Any) -> list[str]:
        model = apps.get_model(app_label, self.model)
        table = model._meta.db_table
        statements = [*secure(table, self.column), *grant(table, self.grants, self.ops_grants)]
        if self.column == "tenant_id" and model._meta.pk.column == "id":
            statements.append(
                f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_tenant_key" UNIQUE (tenant_id, id)'
            )
        return statements + [
            _composite_key(table, field)
            for field in model._meta.local_concrete_fields
            if field.is_relation and not field.db_constraint and _has_tenant(field.related_model)
            if not _is_audit(model)  # an event outlives the row it tells about
        ]


class SecurePlatformTable(_Statements):
    """Explicit grants on a table without a tenant."""

    def __init__(self, model: str, grants: str, ops_grants: str = "SELECT") -> None:
        self.model, self.grants, self.ops_grants = model, grants, ops_grants

    def describe(self) -> str:
        return f"Grant the platform's table {self.model}"

    def forwards(self, app_label: str, apps: Any) -> list[str]:
        table = apps.get_model(app_label, self.model)._meta.db_table
        return grant(table, self.grants, self.ops_grants)


class GrantTables(_Statements):
    """Grants on tables of other packages, by name: {table: what app may do}."""

    def __init__(self, grants: dict[str, str]) -> None:
        self.grants = grants

    def describe(self) -> str:
        return "Grant tables of other packages"

    def forwards(self, app_label: str, apps: Any) -> list[str]:
        return [
            statement
            for table, grants in self.grants.items()
            for statement in grant(table, grants, EVERYTHING)
        ]


class DefinerFunction(_Statements):
    """A function that runs as the owner, for what must be known before a tenant is.

    It takes a hash or a limit and returns ids only; only `app` (or `to`) may call it. A test lists
    every such function of the database.
    """

    def __init__(self, name: str, args: str, returns: str, body: str, to: str = "app") -> None:
        self.name, self.args, self.returns, self.body, self.to = name, args, returns, body, to

    def describe(self) -> str:
        return f"Create the function {self.name}"

    def forwards(self, app_label: str, apps: Any) -> list[str]:
        language = (
            "plpgsql" if self.body.lstrip().upper().startswith(("BEGIN", "DECLARE")) else "sql"
        )
        signature = f"{SCHEMA}.{self.name}({self.args})"
        return [
            f"CREATE FUNCTION {signature} RETURNS {self.returns} LANGUAGE {language} "
            f"SECURITY DEFINER SET search_path = {SCHEMA}, pg_temp AS $body$ {self.body} $body$",
            f"REVOKE ALL ON FUNCTION {SCHEMA}.{self.name} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {SCHEMA}.{self.name} TO {role(self.to)}",
        ]

    def backwards(self, app_label: str, apps: Any) -> list[str]:
        return [f"DROP FUNCTION {SCHEMA}.{self.name}"]


def secure(table: str, column: str = "tenant_id") -> list[str]:
    """The SQL that lets `app` see only the open tenant's rows of `table`."""
    own = f"{column} = {OPEN_TENANT}"
    platform = ", ".join(role(name) for name in ("owner", "ops", "backup"))
    return [
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
        f'CREATE POLICY tenant_only ON "{table}" AS RESTRICTIVE FOR ALL TO {role("app")} '
        f"USING ({own}) WITH CHECK ({own})",
        f'CREATE POLICY tenant_rows ON "{table}" FOR ALL TO {role("app")} '
        "USING (true) WITH CHECK (true)",
        f'CREATE POLICY platform_rows ON "{table}" FOR ALL TO {platform} '
        "USING (true) WITH CHECK (true)",
    ]


def grant(table: str, grants: str, ops_grants: str = "SELECT") -> list[str]:
    """The SQL that grants `table`: `grants` to app, `ops_grants` to ops, reading to backup."""
    statements = [
        f'GRANT {ops_grants} ON "{table}" TO {role("ops")}',
        f'GRANT SELECT ON "{table}" TO {role("backup")}',
    ]
    if grants:
        statements.append(f'GRANT {grants} ON "{table}" TO {role("app")}')
    return statements


def _is_audit(model: Any) -> bool:
    return any(field.name == "pgh_id" for field in model._meta.local_concrete_fields)


def _has_tenant(model: Any) -> bool:
    return any(field.name == "tenant" for field in model._meta.local_concrete_fields)


def _composite_key(table: str, field: Any) -> str:
    other = field.related_model._meta.db_table
    return (
        f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{field.column}_tenant_fk" '
        f'FOREIGN KEY (tenant_id, "{field.column}") REFERENCES "{other}" (tenant_id, id) '
        "DEFERRABLE INITIALLY DEFERRED"
    )
