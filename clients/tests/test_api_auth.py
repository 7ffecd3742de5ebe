from __future__ import annotations

from typing import Any

import jwt
import pytest
from django.test import Client as Browser

from clients.kernel.tenancy import acting_for
from clients.models import Membership, Tenant, User
from clients.services.sign_in import (
    change_password,
    deactivate_user,
    end_sessions,
    issue_tokens,
    refresh_tokens,
)
from clients.testing import LOGIN_BACKEND, PASSWORD, make_member, make_user, sign_in


def post(path: str, body: Any, browser: Browser | None = None) -> Any:
    return (browser or Browser()).post(
        f"/api/v1/auth/{path}", body, content_type="application/json"
    )


def me(token: str, **headers: str) -> Any:
    return Browser().get("/api/v1/me", headers={"Authorization": f"Bearer {token}", **headers})


def test_a_password_buys_tokens_that_open_the_api(acacia: Tenant) -> None:
    user = make_member(tenant=acacia, email="ana@example.com")

    tokens = post("token", {"email": "Ana@Example.com", "password": PASSWORD}).json()
    answer = me(tokens["access"])

    assert answer.json() == {
        "id": str(user.public_id),
        "email": "ana@example.com",
        "name": user.name,
        "language": "",
        "memberships": [
            {
                "id": str(acacia.public_id),
                "name": "Acacia Energia",
                "is_open": True,
                "role": "owner",
            }
        ],
    }
    claims = jwt.decode(tokens["access"], options={"verify_signature": False})
    assert {name: claims[name] for name in ("aud", "iss", "token_type", "ver")} == {
        "aud": "pulso-api",
        "iss": "pulso",
        "token_type": "access",
        "ver": 1,
    }
    assert claims["exp"] - claims["iat"] == 600


def test_a_wrong_password_and_an_unknown_person_answer_the_same_bytes(acacia: Tenant) -> None:
    make_member(tenant=acacia, email="ana@example.com")
    answers = [
        post("token", {"email": email, "password": "wrong"})
        for email in ("ana@example.com", "nobody@example.com")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["code"] == "wrong_credentials"


@pytest.mark.commits
def test_five_wrong_passwords_lock_also_from_inside_a_session(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        make_member(tenant=acacia, email="ana@example.com")
        inside = sign_in(acacia)
    wrong = {"email": "ana@example.com", "password": "wrong"}

    statuses = [post("token", wrong, inside).status_code for _ in range(5)]
    locked = post("token", {"email": "ana@example.com", "password": PASSWORD}, inside)

    assert statuses == [401, 401, 401, 401, 429]
    assert (locked.status_code, locked.json()["code"], locked["Retry-After"]) == (
        429,
        "locked_out",
        "900",
    )


def test_a_refresh_token_works_once(acacia: Tenant) -> None:
    first = issue_tokens(make_member(tenant=acacia))
    second = post("refresh", {"refresh": first.refresh}).json()
    assert me(second["access"]).status_code == 200
    assert second["refresh"] != first.refresh


@pytest.mark.commits
def test_a_refresh_token_used_again_ends_every_session(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        user = make_member(tenant=acacia)
    browser = Browser()
    browser.force_login(user, LOGIN_BACKEND)
    first = issue_tokens(user)
    second = refresh_tokens(first.refresh)

    stolen = post("refresh", {"refresh": first.refresh}, browser)

    assert (stolen.status_code, stolen.json()["code"]) == (401, "token_reused")
    assert me(second.access).status_code == 401
    assert post("refresh", {"refresh": second.refresh}).status_code == 401
    assert browser.get("/api/v1/me").status_code == 401


def test_a_stale_access_token_does_not_keep_anybody_from_a_new_one(acacia: Tenant) -> None:
    tokens = issue_tokens(make_member(tenant=acacia))
    answer = Browser().post(
        "/api/v1/auth/refresh",
        {"refresh": tokens.refresh},
        content_type="application/json",
        headers={"Authorization": "Bearer stale"},
    )
    assert answer.status_code == 200


def test_a_revoked_refresh_token_is_refused(acacia: Tenant) -> None:
    tokens = issue_tokens(make_member(tenant=acacia))
    assert post("revoke", {"refresh": tokens.refresh}).status_code == 204
    assert post("revoke", {"refresh": tokens.refresh}).status_code == 204
    assert post("refresh", {"refresh": tokens.refresh}).status_code == 401


@pytest.mark.parametrize(
    "end",
    [
        end_sessions,
        deactivate_user,
        lambda user: change_password(user, PASSWORD, "another long passphrase"),
    ],
    ids=["everywhere", "deactivated", "new password"],
)
def test_revoking_is_effective_with_the_next_request(acacia: Tenant, end: Any) -> None:
    user = make_member(tenant=acacia)
    token = issue_tokens(user).access
    browser = Browser()
    browser.force_login(user, LOGIN_BACKEND)
    assert (me(token).status_code, browser.get("/api/v1/me").status_code) == (200, 200)

    end(user)

    assert (me(token).status_code, browser.get("/api/v1/me").status_code) == (401, 401)


def test_signing_out_everywhere_ends_this_token_too(acacia: Tenant) -> None:
    token = issue_tokens(make_member(tenant=acacia)).access
    headers = {"Authorization": f"Bearer {token}"}
    answer = Browser().post("/api/v1/auth/sign-out-everywhere", headers=headers)
    assert (answer.status_code, me(token).status_code) == (204, 401)


def test_a_new_password_needs_the_old_one_and_some_strength(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    wrong = post("password", {"old_password": "x", "new_password": "another long one"}, browser)
    weak = post("password", {"old_password": PASSWORD, "new_password": "12345"}, browser)
    good = post("password", {"old_password": PASSWORD, "new_password": "another long one"}, browser)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "wrong_password")
    assert weak.status_code == 400
    assert good.status_code == 204


@pytest.mark.parametrize(
    "change",
    [
        {"token_type": "refresh"},
        {"aud": "another"},
        {"iss": "another"},
        {"exp": 1},
        {"ver": 2},
        {"ver": None},
        {"user_id": "x"},
        {"user_id": None},
    ],
    ids=str,
)
def test_a_token_of_another_kind_is_refused(acacia: Tenant, settings: Any, change: Any) -> None:
    good = issue_tokens(make_member(tenant=acacia)).access
    claims = jwt.decode(good, options={"verify_signature": False})
    forged = jwt.encode({**claims, **change}, settings.JWT_SIGNING_KEY, algorithm="HS256")
    answer = me(forged)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_token_signed_otherwise_is_refused(acacia: Tenant, settings: Any) -> None:
    good = issue_tokens(make_member(tenant=acacia)).access
    claims = jwt.decode(good, options={"verify_signature": False})
    for token in (
        jwt.encode(claims, settings.SECRET_KEY, algorithm="HS256"),
        jwt.encode(claims, "", algorithm="none"),
        good[:-2],
        "x",
        "",
    ):
        assert me(token).status_code == 401


def test_a_bearer_token_needs_no_csrf_token(acacia: Tenant) -> None:
    token = issue_tokens(make_member(tenant=acacia)).access
    answer = Browser(enforce_csrf_checks=True).post(
        "/api/v1/clients",
        {"name": "Amina"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 201


def test_somebody_without_a_company_sees_only_themselves(db: None) -> None:
    token = issue_tokens(make_user()).access
    answer = Browser().get("/api/v1/clients", headers={"Authorization": f"Bearer {token}"})
    assert (me(token).status_code, me(token).json()["memberships"]) == (200, [])
    assert (answer.status_code, answer.json()["code"]) == (403, "no_membership")


@pytest.mark.commits
def test_the_header_chooses_among_ones_own_companies_only(acacia: Tenant, baobab: Tenant) -> None:
    with acting_for(acacia.pk):
        user = make_member(tenant=acacia)
    token = issue_tokens(user).access
    foreign = me(token, **{"X-Tenant-ID": str(baobab.public_id)})
    unknown = me(token, **{"X-Tenant-ID": "7"})
    with acting_for(baobab.pk):
        Membership.objects.create(user=user, role="viewer")
    chosen = me(token, **{"X-Tenant-ID": str(baobab.public_id)})

    assert (foreign.status_code, foreign.json()["code"]) == (403, "no_membership")
    assert foreign.content == unknown.content
    assert [(row["name"], row["is_open"], row["role"]) for row in chosen.json()["memberships"]] == [
        ("Acacia Energia", False, None),
        ("Baobab Energia", True, "viewer"),
    ]


def test_nobody_is_told_whether_an_email_exists_by_the_status(db: None) -> None:
    for body in ({}, {"email": "x", "password": "y"}, {"email": "a@b.co", "password": 5}, []):
        assert post("token", body).status_code == 400
    assert User.objects.count() == 0
