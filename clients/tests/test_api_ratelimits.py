from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client as Browser
from django.test import RequestFactory

from clients.kernel import ratelimits
from clients.models import Tenant
from clients.testing import sign_in


@pytest.fixture(autouse=True)
def few(settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "user": "3/m", "sign_in": "2/m"}
    cache.clear()


def test_a_user_who_asks_too_often_is_told_to_wait(acacia: Tenant) -> None:
    browser, other = sign_in(acacia), sign_in(acacia)
    answers = [browser.get("/api/v1/me") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["code"] == "rate_limited"
    assert 1 <= int(answers[3]["Retry-After"]) <= 60
    assert other.get("/api/v1/me").status_code == 200


def test_signing_in_is_limited_by_address(db: None) -> None:
    statuses = [
        Browser()
        .post(
            "/api/v1/auth/token",
            {"email": f"a{number}@example.com", "password": "x"},
            content_type="application/json",
        )
        .status_code
        for number in range(3)
    ]
    assert statuses == [401, 401, 429]


def test_limits_hold_also_when_valkey_is_away(acacia: Tenant, settings: Any) -> None:
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    }
    browser = sign_in(acacia)
    began = time.monotonic()
    statuses = [browser.get("/api/v1/me").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("proxies", "forwarded", "found"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (2, "203.0.113.9", "127.0.0.1"),
        (1, "nonsense", None),
    ],
)
def test_only_trusted_proxies_name_the_caller(
    settings: Any, proxies: int, forwarded: str, found: str | None
) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR=forwarded)
    assert ratelimits.address_of(request) == found


def test_a_member_counts_for_the_tenant_too(acacia: Tenant, settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "tenant": "2/m"}
    statuses = [sign_in(acacia).get("/api/v1/me").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
