"""No process works with a database role that could step over row-level security."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured

SAFE_ALIASES = frozenset({"default", "ingest", "ops"})
_checked: set[str] = set()


def refuse_dangerous_role(connection: Any, **_: Any) -> None:
    """Raise ImproperlyConfigured when a tenant-facing role is superuser, BYPASSRLS or an owner.

    Called for each new connection; looks once per alias and process.
    """
    if connection.alias not in SAFE_ALIASES or connection.alias in _checked:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper, rolbypassrls, EXISTS (SELECT FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'pulso' AND pg_has_role(current_user, c.relowner, 'MEMBER')) "
            "FROM pg_roles WHERE rolname = current_user"
        )
        name, is_super, bypasses, owns = cursor.fetchone()
    if is_super or bypasses or owns:
        raise ImproperlyConfigured(
            f"The database role “{name}” of “{connection.alias}” is a superuser, bypasses "
            "row-level security or owns Pulso's tables. Run “manage.py roles” and use the "
            "role made for this process."
        )
    _checked.add(connection.alias)
