from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser

from clients.models import Tenant
from clients.testing import make_client
from monitoring.selectors import business


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(business, "_known", (float("-inf"), []))


def test_figures_of_the_house_and_the_business(acacia: Tenant) -> None:
    make_client(tenant=acacia)

    page = Browser().get("/metrics").content.decode()

    assert 'pulso_check_ok{check="database"} 1.0' in page
    assert 'pulso_clients{state="active"} 1.0' in page
    assert "django_http_requests_before_middlewares_total" in page
    assert acacia.name not in page


def test_without_a_token_only_this_machine_may_read(db: None) -> None:
    assert Browser(REMOTE_ADDR="10.1.2.3").get("/metrics").status_code == 401
    assert Browser(HTTP_X_FORWARDED_FOR="10.1.2.3").get("/metrics").status_code == 401
    assert Browser().get("/metrics").status_code == 200


def test_with_a_token_only_who_shows_it_may_read(settings: Any, db: None) -> None:
    settings.METRICS_TOKEN = "scrape me"
    far = Browser(REMOTE_ADDR="10.1.2.3")
    assert Browser().get("/metrics").status_code == 401
    assert far.get("/metrics", HTTP_AUTHORIZATION="Bearer wrong").status_code == 401
    assert far.get("/metrics", HTTP_AUTHORIZATION="Bearer scrape me").status_code == 200


PROGRAM = """
import sys, django
django.setup()
from prometheus_client import REGISTRY, Counter
if sys.argv[1] == "count":
    Counter("pulso_test_things", "Things.").inc(20)
else:
    from django.test import Client
    print(Client().get("/metrics").content.decode())
"""


@pytest.mark.commits
def test_the_figures_of_all_processes_are_added(databases: Any, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        **databases.environment(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
    }

    def run(verb: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, verb],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    run("count")
    run("count")

    assert "pulso_test_things_total 40.0" in run("read")
