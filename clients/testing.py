"""pytest plugin: throw-away servers, two tenants, and the makers every app's tests share.

The suite runs as the role `app`. The owner migrates one template database; each worker clones it,
and a test that commits (`@pytest.mark.commits`) gets a clone of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils import translation

from clients.kernel.tenancy import acting_for
from clients.models import Client, ContactPoint, Membership, Tenant, User

PASSWORD = "correct horse battery"
LOGIN_BACKEND = "django.contrib.auth.backends.ModelBackend"
_serial = itertools.count(1)


def make_user(**fields: Any) -> User:
    """A person who can sign in with `PASSWORD`."""
    number = next(_serial)
    defaults = {"email": f"person{number}@example.com", "name": f"Person {number}"}
    user = User(**{**defaults, **fields})
    user.set_password(fields.pop("password", PASSWORD))
    user.save()
    return user


def make_member(*, tenant: Tenant, role: str = "owner", **fields: Any) -> User:
    """A user with a membership in `tenant`, which must be open."""
    user = make_user(**fields)
    Membership.objects.create(tenant=tenant, user=user, role=role)
    return user


def make_client(*, tenant: Tenant, phone: str = "", email: str = "", **fields: Any) -> Client:
    """A client of `tenant`, with contact points for `phone` (E.164) and `email` when given."""
    client = Client.objects.create(**{"tenant": tenant, "name": "Amina Souza", **fields})
    for kind, value in (("phone", phone), ("email", email)):
        if value:
            ContactPoint.objects.create(tenant=tenant, client=client, kind=kind, value=value)
    return client


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Sentences are English, as in the code, where a test does not ask for another language."""
    with translation.override("en"):
        yield


@pytest.fixture
def tenants(db: None) -> dict[str, Tenant]:
    """Both tenants by slug. The template database was born with them: only the platform may
    create one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, slug FROM tests_tenant")
        rows = cursor.fetchall()
    found = {}
    for tenant_id, slug in rows:
        with acting_for(tenant_id):
            found[slug] = Tenant.objects.get(pk=tenant_id)
    return found


@pytest.fixture
def acacia(request: pytest.FixtureRequest, tenants: dict[str, Tenant]) -> Iterator[Tenant]:
    """An energy operator. The test acts for it, unless it commits: then it opens it itself."""
    tenant = tenants["acacia"]
    if request.node.get_closest_marker("commits"):
        yield tenant
        return
    with acting_for(tenant.pk):
        yield tenant


@pytest.fixture
def baobab(tenants: dict[str, Tenant]) -> Tenant:
    """Another operator, whose rows acacia must never see."""
    return tenants["baobab"]


def sign_in(tenant: Tenant, role: str = "owner", *, csrf: bool = False) -> Browser:
    """A browser with the session of a new member of `tenant`, which must be open."""
    browser = Browser(enforce_csrf_checks=csrf)
    browser.force_login(make_member(tenant=tenant, role=role), LOGIN_BACKEND)
    return browser
