"""One row in every tenant table for each of two tenants, made from the catalogue of the database.

A new table gets its rows here by itself: nobody has to remember it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.db import connections
from psycopg import sql

CANARY = "canary"
PREPARE = {"meters_reading": "SELECT meters_make_partition(current_date)"}
VALUES = {
    "bigint": "1",
    "integer": "1",
    "smallint": "1",
    "numeric": "1",
    "double precision": "1",
    "real": "1",
    "boolean": "true",
    "date": "current_date",
    "timestamp with time zone": "now()",
    "time without time zone": "'08:00'",
    "interval": "interval '1 day'",
    "uuid": "gen_random_uuid()",
    "bytea": "sha256(gen_random_uuid()::text::bytea)",
    "jsonb": "'{}'",
    "inet": "'127.0.0.1'",
}


@dataclass(frozen=True)
class Column:
    name: str
    kind: str
    length: int | None
    is_required: bool
    is_unique: bool


@dataclass
class Table:
    """A table with a tenant, as the catalogue tells it."""

    name: str
    columns: list[Column]
    parents: dict[str, str] = field(default_factory=dict)  # column → tenant table
    keys: dict[str, str] = field(default_factory=dict)  # column → name of its foreign key

    @property
    def has_id(self) -> bool:
        return any(column.name == "id" for column in self.columns)


def owner() -> psycopg.Connection[Any]:
    """A connection as the role that owns the tables."""
    settings = connections["owner"].settings_dict
    return psycopg.connect(
        host=settings["HOST"],
        port=settings["PORT"],
        dbname=settings["NAME"],
        user=settings["USER"],
        password=settings["PASSWORD"],
        options="-c search_path=pulso",
        autocommit=True,
    )


def tenant_tables(database: psycopg.Connection[Any]) -> dict[str, Table]:
    """Every table of the schema with a column `tenant_id`, without partitions."""
    found: dict[str, Table] = {}
    rows = database.execute(
        """
        SELECT c.relname, a.attname, format_type(a.atttypid, NULL),
            nullif(a.atttypmod, -1) - 4, a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
            EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique
                    AND a.attnum = ANY(i.indkey))
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'pulso'::regnamespace AND c.relkind IN ('r', 'p')
            AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attgenerated = '' AND c.relname NOT LIKE 'tests%%'
            AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid
                        AND t.attname = 'tenant_id' AND NOT t.attisdropped)
        ORDER BY c.relname, a.attnum
        """
    )
    for name, *column in rows:
        found.setdefault(name, Table(name, [])).columns.append(Column(*column))
    keys = database.execute(
        """
        SELECT k.conrelid::regclass::text, k.confrelid::regclass::text, a.attname, k.conname
        FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid
            AND a.attnum = ANY(k.conkey) AND a.attname <> 'tenant_id'
        WHERE k.contype = 'f' AND k.connamespace = 'pulso'::regnamespace AND k.conparentid = 0
        """
    )
    for name, parent, column, key in keys:
        if name in found and parent in found:
            found[name].parents[column], found[name].keys[column] = parent, key
    return found


class Rows:
    """Fills every tenant table for both tenants; `id_of` and `public_id_of` say what was made."""

    def __init__(self, database: psycopg.Connection[Any]) -> None:
        self.database = database
        self.tables = tenant_tables(database)
        self.made: dict[tuple[str, int], dict[str, Any]] = {}
        self._drop_checks()

    def fill(self, *tenant_ids: int) -> None:
        for name, statement in PREPARE.items():
            if name in self.tables:
                self.database.execute(statement.encode())
        for tenant_id in tenant_ids:
            for name in self.tables:
                self.make(name, tenant_id)

    def make(self, name: str, tenant_id: int) -> dict[str, Any]:
        """The tenant's row in the table, with the parents it needs."""
        if (name, tenant_id) in self.made:
            return self.made[name, tenant_id]
        table = self.tables[name]
        values: dict[str, str] = {}
        for column in table.columns:
            if column.name == "tenant_id":
                values[column.name] = str(tenant_id)
            elif column.name in table.parents and table.parents[column.name] != name:
                parent = self.make(table.parents[column.name], tenant_id)
                values[column.name] = str(parent["id"])
            elif column.is_required:
                values[column.name] = self._value(table, column, tenant_id)
        columns = ", ".join(f'"{column}"' for column in values)
        returned = self.database.execute(
            f'INSERT INTO "{name}" ({columns}) VALUES ({", ".join(values.values())}) '
            "RETURNING to_jsonb(" + f'"{name}".*)'.encode().decode()
        ).fetchone()
        assert returned is not None
        self.made[name, tenant_id] = returned[0]
        return self.made[name, tenant_id]

    def _value(self, table: Table, column: Column, tenant_id: int) -> str:
        if column.name == "user_id":
            return "(SELECT max(id) FROM clients_user)"
        if column.kind.endswith("[]"):
            return "'{}'"
        if column.kind in VALUES:
            if column.is_unique and column.kind in {"bigint", "integer"} and column.name != "id":
                return f"{tenant_id}"
            return VALUES[column.kind]
        if choices := self._choices.get((table.name, column.name)):
            return f"'{choices}'"
        text = f"{CANARY}{tenant_id}-{os.urandom(4).hex()}"
        return "'" + text[: column.length or 60] + "'"

    def _drop_checks(self) -> None:
        """Take the rules of the trade away (the row need not make sense), remembering choices."""
        self._choices: dict[tuple[str, str], str] = {}
        for name in self.tables:
            disable = sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER")
            self.database.execute(disable.format(sql.Identifier(name)))
        checks = self.database.execute(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) "
            "FROM pg_constraint WHERE contype = 'c' AND connamespace = 'pulso'::regnamespace "
            "AND conparentid = 0 AND conislocal"
        ).fetchall()
        for name, constraint, definition in checks:
            if match := re.match(r"CHECK \(\(+\"?(\w+)\"?\)?.*?= ANY .*?'(\w+)'", definition):
                self._choices[name, match[1]] = match[2]
            if name in self.tables:
                statement = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
                self.database.execute(
                    statement.format(sql.Identifier(name), sql.Identifier(constraint))
                )
