"""Every row belongs to a tenant, and no query may forget it (DESIGN §4, "Tenancy fails closed").

Two locks. The manager filters by the tenant when SQL is compiled; PostgreSQL's row-level security
filters again, by the transaction-local setting that `acting_for` makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from django.conf import settings
from django.db import connection, connections, models, transaction
from django.utils.functional import lazy

from clients.kernel.attribution import SETTING, attribution

EVERYONE: Final = -1
OPS: Final = "ops"
_scope: ContextVar[int | None] = ContextVar("tenant_scope", default=None)
_actor: ContextVar[Actor | None] = ContextVar("tenant_actor", default=None)
M = TypeVar("M", bound=models.Model)


class NoTenant(RuntimeError):
    """A tenant's rows were queried outside `acting_for(...)`."""


class OtherTenant(RuntimeError):
    """A scope was opened for one tenant inside the scope of another."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is doing this: a member of the tenant, with the role that decides what they may do."""

    user_id: int
    role: str
    label: str


def current_tenant_id() -> int:
    """The tenant this code acts for. Raises NoTenant outside `acting_for(...)`."""
    scope = _scope.get()
    if scope is None or scope == EVERYONE:
        raise NoTenant("no single tenant is open here; use acting_for(tenant_id)")
    return scope


def current_actor() -> Actor | None:
    """The member on whose behalf this runs, or None in a task."""
    return _actor.get()


def actor_label() -> str:
    """How the member on whose behalf this runs is called; "" in a task."""
    actor = _actor.get()
    return actor.label if actor else ""


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Name the member on whose behalf the code inside runs."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


@contextmanager
def acting_for(tenant_id: int) -> Iterator[None]:
    """One transaction in which `tenant_id`'s rows, and no others, can be seen and written."""
    held = _scope.get()
    if held is not None and held != tenant_id:
        raise OtherTenant(f"already acting for tenant {held}; tenant {tenant_id} is refused")
    token = _scope.set(tenant_id)
    try:
        inside_another = connection.in_atomic_block
        with transaction.atomic(), structlog.contextvars.bound_contextvars(tenant_id=tenant_id):
            _tell_database(str(tenant_id))
            yield
            # A released savepoint keeps SET LOCAL, so what we set we take back.
            if inside_another and held is None and not connection.needs_rollback:
                _tell_database("")
    finally:
        _scope.reset(token)


@contextmanager
def across_tenants(*, read_only: bool = False) -> Iterator[None]:
    """See every tenant by the platform's own database role. Review greps for it.

    `read_only` gives one snapshot that cannot be written to.
    """
    if _scope.get() is not None:
        raise OtherTenant("a scope is open already; across_tenants() must be the outermost")
    if OPS not in settings.DATABASES:
        raise NoTenant("this process has no DATABASE_OPS_URL, so it cannot see across tenants")
    token = _scope.set(EVERYONE)
    try:
        with transaction.atomic(using=OPS):
            with connections[OPS].cursor() as cursor:
                if read_only:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                cursor.execute("SELECT set_config(%s, %s, true)", [SETTING, attribution()])
            yield
    finally:
        _scope.reset(token)


def _tell_database(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('app.tenant_id', %s, true), set_config(%s, %s, true)",
            [value, SETTING, attribution()],
        )


class InScope(models.Func):
    """`tenant_id = <the open tenant>`, looked up when SQL is compiled, so it cannot go stale."""

    output_field = models.BooleanField()

    def __init__(self) -> None:
        super().__init__(models.F("tenant_id"))

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        scope = _scope.get()
        if scope is None:
            raise NoTenant("a tenant's rows were queried outside acting_for(...)")
        if scope == EVERYONE:
            return "TRUE", []
        column, params = compiler.compile(self.source_expressions[0])
        return f"{column} = %s", [*params, scope]


class TenantManager(models.Manager[M]):
    """Rows of the open tenant only; refuses to answer when none is open."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(InScope())


class OwnTenantKey(models.ForeignKey[Any, Any]):
    """The row's tenant: the open one, unless another was given (which the database refuses)."""

    def __init__(self, to: Any, on_delete: Any, **options: Any) -> None:
        super().__init__(to, on_delete, **{**options, "blank": True, "editable": False})

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        if add and getattr(model_instance, self.attname) is None:
            setattr(model_instance, self.attname, current_tenant_id())
        return super().pre_save(model_instance, add)


class TenantModel(models.Model):
    """A row that belongs to one tenant. Its table is secured by `SecureTenantTable`."""

    tenant = OwnTenantKey("clients.Tenant", models.PROTECT, related_name="+")

    objects = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"


class TenantForeignKey(models.ForeignKey[Any, Any]):
    """A key to another row of the same tenant; (tenant_id, id) is held by the database."""

    def __init__(self, to: Any, on_delete: Any, **options: Any) -> None:
        super().__init__(to, on_delete, **{**options, "db_constraint": False})

    def set_attributes_from_name(self, name: str) -> None:
        """Without words of its own a key is called as what it points at, also where it is read."""
        super().set_attributes_from_name(name)
        if self._verbose_name is None:
            self.verbose_name = lazy(self._words, str)()  # type: ignore[assignment] # a lazy text

    def _words(self) -> str:
        model = self.remote_field.model
        return str(self.name) if isinstance(model, str) else str(model._meta.verbose_name)


class ScopeRouter:
    """Sends queries across tenants to the platform's role, and migrations to the owner."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return OPS if _scope.get() == EVERYONE else None

    db_for_write = db_for_read

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "owner"
