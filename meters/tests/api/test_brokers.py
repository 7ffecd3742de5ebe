"""Brokers in the API."""

from __future__ import annotations

from typing import Any

import pytest

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.models import MqttBroker

pytestmark = pytest.mark.django_db
PATH = "/api/v1/mqtt-brokers"


@pytest.fixture
def office(acacia: Tenant) -> Any:
    with acting_for(acacia.pk):
        yield sign_in(acacia)


def test_a_broker_is_entered_changed_and_removed(acacia: Tenant, office: Any) -> None:
    said = {"name": "Casa", "host": "mqtt.example.com", "port": 8883, "is_tls": True}
    kind = {"content_type": "application/json"}

    made = office.post(PATH, said | {"password": "hush"}, **kind)

    assert made.status_code == 201
    assert "password" not in made.json()
    own = f"{PATH}/{made.json()['id']}"
    assert MqttBroker.objects.get().password == "hush"
    assert office.patch(own, {"name": "Loja"}, **kind).json()["name"] == "Loja"
    assert office.post(f"{own}/pause").json()["is_active"] is False
    assert office.post(f"{own}/resume").json()["is_active"] is True
    assert office.get(PATH).json()["results"][0]["state"] == "new"
    assert office.delete(own).status_code == 204
    assert MqttBroker.objects.count() == 0


def test_counts_are_not_written_from_outside(acacia: Tenant, office: Any) -> None:
    said = {"name": "Casa", "host": "h", "messages": 5, "state": "connected"}

    answer = office.post(PATH, said, content_type="application/json")

    assert answer.status_code in (400, 422)
    assert MqttBroker.objects.count() == 0
