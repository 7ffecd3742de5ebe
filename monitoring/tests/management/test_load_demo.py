from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from validate_docbr import CNPJ, CPF

from billing.models import GatewayAccount, Plan, Subscription
from clients.kernel.tenancy import across_tenants, acting_for
from clients.models import Client, Membership, Tenant
from messaging.models import ChannelAccount
from meters.models import Installation, Meter
from monitoring.selectors.audit import AuditQuestion, audit_entries
from monitoring.services import demo_tenants

MODELS = (
    Membership,
    Client,
    Plan,
    Subscription,
    Meter,
    Installation,
    ChannelAccount,
    GatewayAccount,
)


def load() -> str:
    out = StringIO()
    call_command("load_demo", stdout=out)
    return out.getvalue()


def counts() -> dict[str, list[int]]:
    with across_tenants():
        tenants = list(Tenant.objects.filter(is_demo=True).order_by("slug"))
    found = {}
    for tenant in tenants:
        with acting_for(tenant.pk):
            found[tenant.slug] = [model._default_manager.count() for model in MODELS]
    return found


@pytest.mark.commits
def test_loading_twice_loads_once(tenants: Any) -> None:
    said = load()
    first = counts()

    assert load() == said
    assert counts() == first
    assert first == {
        "aguas-da-serra": [3, 3, 1, 2, 2, 2, 2, 1],
        "energia-certa": [3, 6, 3, 6, 1, 1, 2, 1],
    }


@pytest.mark.commits
def test_what_is_printed_signs_in_and_the_audit_says_why(tenants: Any) -> None:
    said = load()
    browser = Browser()
    answer = browser.post(
        "/api/v1/auth/token",
        {"email": "vera@energia-certa.example", "password": demo_tenants.PASSWORD},
        content_type="application/json",
    )
    assert answer.status_code == 200
    assert "vera@energia-certa.example" in said
    assert demo_tenants.PASSWORD in said
    with across_tenants():
        tenant = Tenant.objects.get(slug="energia-certa")
    with acting_for(tenant.pk):
        entries = audit_entries(AuditQuestion())
    assert {(entry.who, entry.reason) for entry in entries} == {("load_demo", "demonstration")}


def test_production_takes_no_demonstration(settings: Any, db: None) -> None:
    settings.IS_PRODUCTION = True
    with pytest.raises(CommandError, match="do not belong in production") as refusal:
        call_command("load_demo")
    assert refusal.value.returncode == 2


def test_invented_documents_are_valid() -> None:
    people = [demo_tenants.HOUSEHOLD, demo_tenants.TOWN]
    people += [one for clients in demo_tenants.CLIENTS.values() for one in clients]
    documents = [one.document for one in people if one.document]
    documents += [company["document"] for company in demo_tenants.COMPANIES.values()]
    assert [d for d in documents if not (CPF() if len(d) == 11 else CNPJ()).validate(d)] == []
    assert len(documents) == len(set(documents))
