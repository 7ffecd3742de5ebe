from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser

from monitoring.tasks import heartbeat


def test_live_touches_nothing(django_assert_num_queries: Any, db: None) -> None:
    browser = Browser()
    browser.cookies["sessionid"] = "some-session"

    with django_assert_num_queries(0):
        response = browser.get("/health/live")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/health", "/health/", "/health/ready"])
def test_ready_lists_each_check_with_time_and_sentence(path: str, db: None) -> None:
    heartbeat()

    response = Browser().get(path, HTTP_HOST="10.0.0.7:8000")

    answer = response.json()
    assert (response.status_code, answer["status"]) == (200, "ok")
    assert [check["name"] for check in answer["checks"]] == [
        "database",
        "migrations",
        "cache",
        "scheduler",
        "due_rows",
    ]
    for check in answer["checks"]:
        assert check["ok"] is True
        assert check["ms"] >= 0
        assert check["sentence"].endswith(".")
    assert response["Cache-Control"] == "no-store"


def test_work_that_waits_is_degraded_and_still_served(db: None) -> None:
    response = Browser().get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")


@pytest.mark.commits
def test_a_lost_database_is_503_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    response = Browser().get("/health/ready")
    connection.close()

    answer = response.json()
    assert (response.status_code, answer["status"]) == (503, "failed")
    found = {check["name"]: check for check in answer["checks"]}
    assert {name: check["ok"] for name, check in found.items()} == {
        "database": False,
        "migrations": False,
        "cache": True,
        "scheduler": False,
        "due_rows": False,
    }
    assert "OperationalError" in found["database"]["sentence"]


def test_probes_are_read_only() -> None:
    assert Browser().post("/health/ready").status_code == 405
