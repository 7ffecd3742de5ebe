from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from clients.models import Membership, StoredFile, Tenant
from clients.services.sign_in import issue_tokens
from clients.testing import make_member, sign_in


def patch(browser: Browser, path: str, body: Any) -> Any:
    return browser.patch(f"/api/v1/{path}", body, content_type="application/json")


def make_file(**fields: Any) -> StoredFile:
    content = b"%PDF-1.7 invoice"
    defaults = {
        "kind": "invoice",
        "name": 'fatura "março".pdf',
        "content_type": "application/pdf",
        "sha256": hashlib.sha256(content).digest(),
        "content": content,
        "size_bytes": len(content),
    }
    return StoredFile.objects.create(**{**defaults, **fields})


def test_a_file_is_fetched_as_an_attachment(acacia: Tenant) -> None:
    file = make_file()
    browser = sign_in(acacia)

    told = browser.get(f"/api/v1/files/{file.public_id}").json()
    answer = browser.get(f"/api/v1/files/{file.public_id}/content")

    assert (told["name"], told["size_bytes"]) == ('fatura "março".pdf', 16)
    assert answer.content == b"%PDF-1.7 invoice"
    assert answer["Content-Disposition"].startswith("attachment; filename*=utf-8''fatura%20")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]


def test_an_expired_file_is_gone(acacia: Tenant) -> None:
    file = make_file(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert sign_in(acacia).get(f"/api/v1/files/{file.public_id}/content").status_code == 404


def test_an_owner_changes_a_role_and_a_manager_does_not(acacia: Tenant) -> None:
    member = Membership.objects.get(user=make_member(tenant=acacia, role="viewer"))
    path = f"memberships/{member.public_id}"

    by_manager = patch(sign_in(acacia, "manager"), path, {"role": "owner"})
    by_owner = patch(sign_in(acacia), path, {"role": "operator"})

    assert (by_manager.status_code, by_manager.json()["code"]) == (403, "owners_only")
    assert (by_owner.status_code, by_owner.json()["role"]) == (200, "operator")
    member.refresh_from_db()
    assert member.role == "operator"


def test_the_last_owner_stays(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    member = Membership.objects.get()
    for body in ({"role": "viewer"}, {"is_active": False}):
        answer = patch(browser, f"memberships/{member.public_id}", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "last_owner")
    member.refresh_from_db()
    assert (member.role, member.is_active) == ("owner", True)


def test_ending_a_membership_ends_the_tokens(acacia: Tenant) -> None:
    user = make_member(tenant=acacia, role="viewer")
    token = issue_tokens(user).access
    member = Membership.objects.get(user=user)

    answer = patch(sign_in(acacia), f"memberships/{member.public_id}", {"is_active": False})

    assert answer.status_code == 200
    assert (
        Browser().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    )


def test_an_owner_changes_the_company_and_a_manager_reads_it(acacia: Tenant) -> None:
    manager = sign_in(acacia, "manager")
    refused = patch(manager, "tenant", {"name": "Other"})
    changed = patch(sign_in(acacia), "tenant", {"name": "Acácia Solar"})
    assert (refused.status_code, refused.json()["code"]) == (403, "owners_only")
    assert changed.json()["name"] == "Acácia Solar"
    assert manager.get("/api/v1/tenant").json()["name"] == "Acácia Solar"


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone", "unknown_time_zone"),
        ({"status": "closed"}, "status", "read_only_field"),
        ({"currency": "USD"}, "currency", "read_only_field"),
    ],
)
def test_what_decides_about_money_is_not_changed_here(
    acacia: Tenant, body: Any, path: str, code: str
) -> None:
    answer = patch(sign_in(acacia), "tenant", body)
    assert answer.status_code == 400
    assert answer.json()["fields"][path][0]["code"] == code
