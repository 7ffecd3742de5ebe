from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.admin.study import figure
from meters.models import Meter
from meters.testing import keep_readings, make_meter

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
pytestmark = pytest.mark.commits


def measured(tenant: Tenant) -> Meter:
    """Ninety minutes, in which the power is twice the voltage less a hundred."""
    with acting_for(tenant.pk):
        meter = make_meter(tenant=tenant)
    rows = [
        {
            "measured_at": START + timedelta(minutes=n),
            "voltage_l1_v": 220.0 + n % 10,
            "current_l1_a": 2.0,
            "power_w": 2 * (220.0 + n % 10) - 100,
        }
        for n in range(90)
    ]
    keep_readings(meter, rows, now=START + timedelta(hours=2))
    return meter


def page(tenant: Tenant, meter: Meter, **asked: str) -> str:
    with acting_for(tenant.pk):
        browser = sign_in(tenant, role="viewer")
    answer = browser.get(f"/admin/meters/meter/{meter.public_id}/study/", asked)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_statistics_regression_and_phases_are_on_a_page_of_the_meter(acacia: Tenant) -> None:
    meter = measured(acacia)

    text = page(acacia, meter, quantity="voltage_l1_v", step="60", lsl="210", usl="240,5")

    assert "224,5\u00a0V" in text  # the mean, and the median
    assert "<dt>Cp</dt><dd>1,76" in text
    assert "<dt>Cpk</dt><dd>1,67" in text
    assert "2,00\u00a0W/V" in text
    assert "<dt>R²</dt><dd>1,000" in text
    assert "uma fase" in text


def test_what_cannot_be_answered_says_why(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        empty = make_meter(tenant=acacia, kind="water")
    meter = measured(acacia)

    bare = page(acacia, empty)
    reversed_limits = page(acacia, meter, quantity="voltage_l1_v", lsl="5", usl="1")
    wrong = page(acacia, meter, quantity="nothing", start="10/03/2026", until="01/03/2026")

    assert "Nada foi medido" in bare
    assert "Cpk</dt>" not in reversed_limits
    assert "limite inferior fica abaixo" in reversed_limits
    assert "O fim deve vir depois do início" in wrong


def test_figures_have_the_digits_that_say_something() -> None:
    values = (12_345.6, 123.45, 1.234, 0.0123, 0.000123, 0.0, -5.0)

    with translation.override("pt-br"):
        said = [figure(value) for value in values]

    assert said == [
        "12.346", "123,5", "1,23", "0,012", "0,000123", "0", "−5,00",
    ]  # fmt: skip
