"""Every page, as people meet it: light and dark, on a desk and on a phone, in both languages."""

from __future__ import annotations

from itertools import product
from typing import Any

import brotli
import pytest

pytestmark = pytest.mark.e2e

MAIN = ("home", "client", "meter", "invoices")
OTHER = (
    "clients",
    "client form",
    "meters",
    "meter month",
    "meter analysis",
    "meters health",
    "voltage",
    "invoice",
    "messages",
    "subscription",
    "settings",
    "health",
    "audit",
    "nothing found",
    "sign-in",
)
# The main pages in all four ways; the others light on a desk and dark on a phone.
WAYS = (("light", 1440), ("dark", 390), ("dark", 1440), ("light", 390))
PAGES = [(name, *way) for name, way in [*product(MAIN, WAYS), *product(OTHER, WAYS[:2])]]
LARGEST_KB = 300


@pytest.mark.parametrize(("name", "theme", "width"), PAGES)
def test_page_serves_everyone(visit: Any, name: str, theme: str, width: int) -> None:
    visited = visit(name, theme=theme, width=width)

    assert visited.serious_findings() == []
    assert visited.complaints == []
    assert visited.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", ["home", "client", "meter", "invoices", "sign-in"])
def test_page_speaks_english_to_english_readers(visit: Any, name: str) -> None:
    visited = visit(name, language="en-US")

    assert visited.page.evaluate("document.documentElement.lang") == "en"
    assert visited.serious_findings() == []
    assert visited.complaints == []


@pytest.mark.parametrize(
    "name", ["home", "clients", "client", "meter", "meter analysis", "invoices"]
)
def test_cold_page_is_light(visit: Any, office: Any, name: str) -> None:
    """All bytes of a first visit, compressed as the front door does it."""
    browser = visit("sign-in").page.context.browser
    bodies: dict[str, bytes] = {}
    page = browser.new_context(locale="pt-BR").new_page()
    page.context.add_cookies([{"name": "sessionid", "value": office.session, "url": office.url}])
    page.on("response", lambda answer: keep(bodies, answer))

    page.goto(office.url + office.addresses[name], wait_until="load")
    page.wait_for_timeout(500)
    page.context.close()

    weight = sum(compressed(url, body) for url, body in bodies.items())
    assert weight <= LARGEST_KB * 1024


def keep(bodies: dict[str, bytes], answer: Any) -> None:
    if answer.status == 200 and "/live" not in answer.url:
        bodies[answer.url] = answer.body()


def compressed(url: str, body: bytes) -> int:
    is_dense = url.endswith((".woff2", ".png"))
    return len(body) if is_dense else len(brotli.compress(body, quality=5))
