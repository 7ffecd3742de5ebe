"""An office with a month of work in it, served by this process, and a browser that is signed in.

The pages are only read, or changed in ways that the next test does not mind; so one database and
one server do for all of them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from playwright.sync_api import Browser, Page

# Playwright keeps an event loop in this thread; Django would refuse to speak to the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
QUIET = (
    "--no-sandbox --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-gpu --disable-dev-shm-usage"
)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    path = os.environ.get("CHROMIUM_PATH", "/usr/bin/chromium")
    return {**browser_type_launch_args, "executable_path": path, "args": QUIET.split()}


@dataclass
class Office:
    """Where the served tenant's pages are, and the session of its owner."""

    url: str
    session: str
    addresses: dict[str, str]


@dataclass
class Visit:
    """A page that was opened, with everything it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def serious_findings(self) -> list[str]:
        """What axe finds of WCAG 2.2 A and AA, as far as it is serious or critical."""
        self.page.evaluate(AXE)
        found = self.page.evaluate(
            "() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', "
            "'wcag22aa', 'best-practice']})"
        )
        return [
            f"{rule['id']}: {rule['nodes'][0]['html'][:160]}"
            for rule in found["violations"]
            if rule["impact"] in {"serious", "critical"}
        ]


@pytest.fixture(scope="session")
def office(databases: Any, django_db_setup: None, django_db_blocker: Any) -> Iterator[Office]:
    from django.core.wsgi import get_wsgi_application

    from tests.browser.world import addresses_of, busy_tenant, session_of

    with django_db_blocker.unblock():
        databases.clone()
        tenant, owner = busy_tenant()
        addresses = addresses_of(tenant)
        server = ThreadedWSGIServer(("127.0.0.1", 0), SilentHandler, allow_reuse_address=True)
        server.daemon_threads = True
        server.set_app(get_wsgi_application())
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield Office(f"http://127.0.0.1:{server.server_port}", session_of(owner), addresses)
        server.shutdown()
        serving.join()
        server.server_close()
        databases.clone()


class SilentHandler(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Nothing: the tests say what went wrong."""


@pytest.fixture
def visit(browser: Browser, office: Office) -> Iterator[Any]:
    """Open one of the office's pages: `visit("home", theme="dark", width=390)`."""
    contexts = []

    def open_page(
        name: str, *, theme: str = "light", width: int = 1440, language: str = "pt-BR"
    ) -> Visit:
        is_phone = width < 640
        context = browser.new_context(
            viewport={"width": width, "height": 844 if is_phone else 900},
            color_scheme="dark" if theme == "dark" else "light",
            locale=language,
            timezone_id="America/Sao_Paulo",
            has_touch=is_phone,
            is_mobile=is_phone,
        )
        contexts.append(context)
        if name != "sign-in":
            cookie = {"name": "sessionid", "value": office.session, "url": office.url}
            context.add_cookies([cookie])
        context.add_init_script(
            "document.addEventListener('securitypolicyviolation', "
            "(e) => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI));"
        )
        visited = Visit(context.new_page())
        watch(visited)
        visited.page.goto(office.url + office.addresses[name], wait_until="load")
        visited.page.wait_for_function("!document.documentElement.classList.contains('booting')")
        visited.page.wait_for_timeout(250)
        return visited

    yield open_page
    for context in contexts:
        context.close()


def watch(visited: Visit) -> None:
    """Keep what the page complains about. The live feed needs the edge, which is not here."""

    def on_console(message: Any) -> None:
        if message.type == "error" and "/api/v1/live" not in str(message.location):
            visited.complaints.append(message.text)

    visited.page.on("console", on_console)
    visited.page.on("pageerror", lambda error: visited.complaints.append(str(error)))
