from __future__ import annotations

from typing import Any

import pytest

from clients.kernel.tenancy import acting_for
from clients.models import Membership, Tenant
from clients.testing import make_client, sign_in


def rename(browser: Any, client: Any, name: str) -> None:
    response = browser.patch(
        f"/api/v1/clients/{client.public_id}",
        {"name": name},
        content_type="application/json",
        headers={"X-Reason": "typo"},
    )
    assert response.status_code == 200


def test_a_change_by_a_request_names_person_request_and_reason(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        client = make_client(tenant=acacia, name="Padaria Trigo")
        browser = sign_in(acacia)
        user = Membership.objects.select_related("user").get().user
    rename(browser, client, "Padaria Trigo Bom")

    response = browser.get(f"/api/v1/audit?object_id={client.public_id}&limit=1")

    assert response.status_code == 200
    [entry] = response.json()["results"]
    assert entry["user"] == {"id": str(user.public_id), "name": str(user)}
    assert (entry["verb"], entry["model"], entry["reason"]) == ("changed", "clients.client", "typo")
    assert len(entry["request_id"]) == 36
    [change] = entry["changes"]
    assert (change["field"], change["before"], change["after"]) == (
        "name",
        "Padaria Trigo",
        "Padaria Trigo Bom",
    )


def test_pages_follow_the_cursor_to_the_end(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        for number in range(5):
            make_client(tenant=acacia, name=f"Client {number}")
        browser = sign_in(acacia)
    seen, cursor = [], ""
    while cursor is not None:
        page = browser.get(
            "/api/v1/audit", {"model": "clients.client", "limit": 2, "cursor": cursor}
        ).json()
        seen += [entry["subject"] for entry in page["results"]]
        cursor = page["next_cursor"]
    assert seen == [f"Client {number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("role", ["operator", "professional", "viewer"])
def test_only_owners_and_managers_read_the_audit(role: str, acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        browser = sign_in(acacia, role)
    assert browser.get("/api/v1/audit").status_code == 403


@pytest.mark.commits
def test_a_person_of_another_company_is_nobody(acacia: Tenant, baobab: Tenant) -> None:
    with acting_for(baobab.pk):
        sign_in(baobab)
        stranger = Membership.objects.select_related("user").get().user
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
    foreign = browser.get("/api/v1/audit", {"user": str(stranger.public_id)})
    missing = browser.get("/api/v1/audit", {"user": "01900000-0000-7000-8000-000000000000"})
    assert foreign.json() == missing.json() == {"results": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("model=clients.user", "unknown_model"),
        ("cursor=abc", "invalid_cursor"),
        ("limit=0", "invalid_limit"),
        ("nonsense=1", "unknown_parameter"),
    ],
)
def test_a_wrong_question_is_refused(query: str, code: str, acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        browser = sign_in(acacia)
    response = browser.get(f"/api/v1/audit?{query}")
    assert (response.status_code, response.json()["code"]) == (400, code)
