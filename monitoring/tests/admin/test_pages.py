from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from billing.models import HeldInvoice, HoldReason
from billing.testing import make_subscription
from clients.kernel.attribution import because
from clients.kernel.jobs import PERIODIC
from clients.kernel.tenancy import Actor, acting_as, acting_for
from clients.kernel.work import work_items
from clients.models import Client, Tenant
from clients.testing import make_client, sign_in
from monitoring.admin import health
from monitoring.selectors.health import due_ages
from monitoring.selectors.health_words import JOBS, table_in_words


def test_the_health_page_says_what_each_check_saw(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
    page = browser.get("/admin/health/")
    assert page.status_code == 200
    assert "PostgreSQL" in page.content.decode()
    assert "Valkey" in page.content.decode()


def test_the_audit_page_shows_before_and_after_with_the_reason(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
        client = make_client(tenant=acacia, name="Padaria Trigo")
        with because("as she asked"):
            Client.objects.filter(pk=client.pk).update(name="Padaria <Bom>")
    page = browser.get("/admin/audit/?model=clients.client").content.decode()
    assert "<del>Padaria Trigo</del> → <ins>Padaria &lt;Bom&gt;</ins>" in page
    assert "as she asked" in page


def test_older_changes_are_one_click_away(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
        for number in range(30):
            make_client(tenant=acacia, name=f"Client {number:02d}")
    first: Any = browser.get("/admin/audit/?model=clients.client")
    second: Any = browser.get("/admin/audit/" + first.context_data["older"])
    shown = [e.subject for page in (first, second) for e in page.context_data["entries"]]
    assert shown == [f"Client {number:02d}" for number in reversed(range(30))]


def test_a_held_invoice_with_its_detail_is_shown(acacia: Tenant) -> None:
    start = timezone.now()
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
        HeldInvoice.objects.create(
            subscription=make_subscription(tenant=acacia),
            period_start=start,
            period_end=start + timedelta(days=30),
            reason=HoldReason.NO_DATA,
            detail={"complete": "0.5"},
            total_cents=100,
            currency="BRL",
            held_at=start,
        )
    page = browser.get("/admin/audit/?model=billing.heldinvoice").content.decode()
    assert "{&quot;complete&quot;: &quot;0.5&quot;}" in page


def test_a_day_is_written_as_people_write_it(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
        make_subscription(tenant=acacia, starts_on=date(2026, 12, 5))
    headers = {"accept-language": "pt-br"}
    page = browser.get("/admin/audit/?model=billing.subscription", headers=headers)
    assert "05/12/2026" in page.content.decode()


@pytest.mark.parametrize(
    ("page", "role", "status"),
    [
        ("health", "operator", 200),
        ("health", "viewer", 403),
        ("audit", "manager", 200),
        ("audit", "operator", 403),
        ("audit", "viewer", 403),
    ],
)
def test_a_role_sees_what_it_may(page: str, role: str, status: int, acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        browser = sign_in(acacia, role)
    assert browser.get(f"/admin/{page}/").status_code == status


def test_a_wrong_filter_is_no_error(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
    response = browser.get("/admin/audit/?model=x&user=y&since=z&after=nonsense")
    assert response.status_code == 200


def test_a_silent_scheduler_needs_somebody(acacia: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_seen", (float("-inf"), []))
    with acting_as(Actor(1, "operator", "Otávio")):
        [item] = [item for item in work_items(timezone.now()) if item.slug == "late-work"]
    assert (item.severity, item.verb.link) == ("critical", "/admin/health/")


@pytest.mark.django_db
def test_every_periodic_job_and_table_of_waiting_work_has_words() -> None:
    assert set(PERIODIC) - set(JOBS) == set()
    assert not [table for table in due_ages() if table_in_words(table) == table]
