"""What every page of the office promises: by role, by tenant, and that looking changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from billing.models import Invoice, PaymentMethod
from billing.services.documents import payable_code
from billing.services.payments import mark_paid
from billing.testing import make_account, make_invoice
from clients.kernel.keys import uuid7
from clients.kernel.money import Money
from clients.kernel.sites import platform_site, tenant_site
from clients.kernel.tenancy import TenantModel, acting_for
from clients.models import Client, Membership, Tenant, User
from clients.testing import make_client, sign_in
from meters.testing import make_meter, make_metering_point

NEVER = {"auth.Group", "auth.User"}  # tables that nothing of ours uses
HTMX = {"HX-Request": "true"}


def actions() -> Iterator[tuple[type[Any], str, bool]]:
    """Every verb of the office: its model, its route, and whether it belongs to a row."""
    for model, page in tenant_site._registry.items():
        for action in page._get_base_actions_detail():
            yield model, action.action_name, True
        for action in page._get_base_actions_list():
            yield model, action.action_name, False


def state_of_the_database() -> dict[str, str]:
    """A digest of each tenant table as this tenant sees it."""
    found = {}
    for model in apps.get_models():
        if issubclass(model, TenantModel) and model._meta.managed:
            with connection.cursor() as cursor:
                table = model._meta.db_table
                cursor.execute(f'SELECT t::text FROM "{table}" t ORDER BY 1')
                rows = "\n".join(row[0] for row in cursor.fetchall())
            found[table] = hashlib.sha256(rows.encode()).hexdigest()
    return found


@pytest.fixture
def stocked(acacia: Tenant) -> Tenant:
    """A client with a meter and an invoice."""
    point = make_metering_point(tenant=acacia)
    make_meter(tenant=acacia, metering_point=point)
    make_invoice(tenant=acacia, client=point.site.client)
    return acacia


def test_asking_for_a_verb_changes_nothing(stocked: Tenant) -> None:
    browser = sign_in(stocked)
    before = state_of_the_database()

    for model, route, is_of_row in actions():
        row = model.objects.first() if is_of_row else None
        if is_of_row and row is None:
            continue
        args = [getattr(row, "public_id", None)] if is_of_row else []
        for headers in ({}, HTMX):
            answer = browser.get(reverse(f"admin:{route}", args=args), headers=headers)
            assert answer.status_code in {200, 302}, route

    assert state_of_the_database() == before


def test_verbs_are_not_for_viewers(stocked: Tenant) -> None:
    browser = sign_in(stocked, role="viewer")
    client = Client.objects.first()
    assert client is not None

    page = browser.get(reverse("admin:clients_client_change", args=[client.public_id]))
    answer = browser.post(
        reverse("admin:clients_client_pause", args=[client.public_id]),
        {"_form_submitted": "True"},
        headers=HTMX,
    )

    client.refresh_from_db()
    assert page.status_code == 200
    assert "/pause/" not in page.content.decode()
    assert answer.status_code == 403
    assert client.status == "active"


@pytest.mark.commits
def test_row_of_another_tenant_answers_as_one_that_does_not_exist(
    acacia: Tenant, baobab: Tenant
) -> None:
    with acting_for(acacia.pk):
        point = make_metering_point(tenant=acacia)
        rows = [
            point.site.client,
            make_meter(tenant=acacia, metering_point=point),
            make_invoice(tenant=acacia, client=point.site.client),
        ]
    with acting_for(baobab.pk):
        browser = sign_in(baobab)

    for row in rows:
        route = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
        foreign = browser.get(reverse(route, args=[row.public_id]))
        missing = browser.get(reverse(route, args=[uuid7()]))
        assert (foreign.status_code, missing.status_code) == (404, 404)
        assert foreign.content == missing.content


def test_every_third_party_model_has_its_page_on_the_platform() -> None:
    known = {model._meta.label for model in admin.site._registry} - NEVER

    missing = known - {model._meta.label for model in platform_site._registry}

    assert missing == set()


def test_platform_is_closed_without_a_second_factor(stocked: Tenant) -> None:
    browser = sign_in(stocked)
    User.objects.update(is_staff=True)

    answer = browser.get(reverse("platform:index"), follow=True)

    assert answer.redirect_chain[-1][0].startswith(reverse("platform_verify"))
    assert "Confirme que é você" in answer.content.decode()


def test_member_who_is_not_staff_finds_no_platform(stocked: Tenant) -> None:
    browser = sign_in(stocked)

    answer = browser.get(reverse("platform:index"), follow=True)

    assert answer.status_code == 403


def test_person_without_a_company_is_told_so(stocked: Tenant) -> None:
    browser = sign_in(stocked)
    Membership.objects.update(is_active=False)

    answer = browser.get(reverse("admin:index"), follow=True)

    assert "não tem empresa aqui" in answer.content.decode()


def test_search_finds_clients_invoices_and_meters(stocked: Tenant) -> None:
    make_client(tenant=stocked, name="Padaria Trigo Bom")
    invoice = Invoice.objects.get()
    browser = sign_in(stocked)

    found = [
        browser.get(reverse("admin:search"), {"s": text, "extended": "1"}).content.decode()
        for text in ("trigo", str(invoice.number), "SN-")
    ]

    assert "Padaria Trigo Bom" in found[0]
    assert invoice.label in found[1]
    assert "Entrada" in found[2]


def test_language_that_was_chosen_stays(stocked: Tenant) -> None:
    browser = sign_in(stocked)

    browser.post(reverse("admin:language"), {"language": "en", "next": "/admin/"})

    assert 'lang="en"' in browser.get("/admin/").content.decode()


@pytest.mark.commits
def test_platform_opens_every_list_to_verified_staff(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
        user = User.objects.order_by("-pk")[0]
    User.objects.filter(pk=user.pk).update(is_staff=True)
    device = TOTPDevice.objects.create(user=user, confirmed=True)
    session = browser.session
    session["otp_device_id"] = device.persistent_id
    session["platform_reason"] = "Looking after the schedule"
    session.save()

    for model, page in platform_site._registry.items():
        answer = browser.get(page.page_of(None))
        assert answer.status_code == 200, model
    home = browser.get(reverse("platform:index")).content.decode()

    assert "Looking after the schedule" in home


@pytest.mark.commits
def test_platform_sees_and_changes_the_companies(acacia: Tenant, baobab: Tenant) -> None:
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
        user = User.objects.order_by("-pk")[0]
    User.objects.filter(pk=user.pk).update(is_staff=True)
    device = TOTPDevice.objects.create(user=user, confirmed=True)
    session = browser.session
    session["otp_device_id"] = device.persistent_id
    session["platform_reason"] = "Asked to close it"
    session.save()
    address = reverse("platform:clients_tenant_change", args=[baobab.public_id])

    form = {
        "name": "Baobab",
        "slug": baobab.slug,
        "trade": "energy",
        "status": "suspended",
        "locale": "pt-br",
        "currency": "BRL",
        "time_zone": "America/Sao_Paulo",
    }
    answer = browser.post(address, form)

    assert answer.status_code == 302
    assert "Acacia" in browser.get(reverse("platform:clients_tenant_changelist")).content.decode()
    with acting_for(baobab.pk):
        assert Tenant.objects.get(pk=baobab.pk).status == "suspended"


def test_invoice_page_offers_a_code_for_what_is_still_open(stocked: Tenant) -> None:
    make_account(tenant=stocked)
    invoice = make_invoice(tenant=stocked)
    part = Money(1000, invoice.currency)
    mark_paid(invoice, part, method=PaymentMethod.CASH, received_at=timezone.now())
    invoice.refresh_from_db()

    page = sign_in(stocked).get(reverse("admin:billing_invoice_change", args=[invoice.public_id]))

    shown = page.content.decode()
    assert payable_code(invoice) in shown
    assert invoice.pix_code not in shown
