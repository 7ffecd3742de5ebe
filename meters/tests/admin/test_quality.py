from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import formats, translation

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from clients.testing import sign_in
from meters.models import Quality, Rule
from meters.models.quantities import NAMES
from meters.models.quantity_words import WORDS, heading, label
from meters.selectors.estimated import estimated_stretches
from meters.testing import keep_intervals, keep_readings, make_meter, make_metering_point

START = datetime(2026, 3, 2, 3, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def test_neighbouring_estimates_are_one_stretch_with_its_amount(acacia: Tenant) -> None:
    meter = make_meter(tenant=acacia, metering_point=make_metering_point(tenant=acacia))
    how = {"quality": Quality.ESTIMATED, "rule": Rule.REGISTER_GAP}
    keep_intervals(meter, START, [400.0] * 20, **how)
    keep_intervals(meter, START + QUARTER * 20, [800.0] * 2)
    keep_intervals(meter, START + QUARTER * 22, [400.0] * 4, **how)

    stretches, count = estimated_stretches(meter, 1)
    with translation.override("pt-br"):
        words = str(Rule.REGISTER_GAP.label)
    page = sign_in(acacia).get(f"/admin/meters/meter/{meter.public_id}/panel/qualidade/")

    assert count == 2
    (newest,) = stretches
    assert (newest.starts_at, newest.ends_at) == (START + QUARTER * 22, START + QUARTER * 26)
    assert newest.amount == 400.0
    assert page.content.decode().count(words) == 2


@pytest.mark.commits
def test_what_a_reading_says_is_named_as_people_name_it(acacia: Tenant) -> None:
    with acting_for(acacia.pk):
        meter = make_meter(tenant=acacia)
        browser = sign_in(acacia)
    for power_factor in (0.8, 0.9):
        row = {"measured_at": START, "energy_import_wh": 1, "power_factor": power_factor}
        keep_readings(meter, [row], now=START + QUARTER)

    text = browser.get(f"/admin/meters/meter/{meter.public_id}/panel/qualidade/").content.decode()

    assert "energy_import_wh" not in text
    assert "Fator de potência <b>0,900</b>" in text


def test_every_quantity_has_a_name_for_people() -> None:
    assert set(WORDS) == set(NAMES)
    with translation.override("pt-br"):
        assert (heading("power_w"), heading("power_factor")) == (
            "Potência (W)",
            "Fator de potência",
        )
        assert label("voltage_l1_v") == "Tensão L1"


def test_fields_that_are_only_read_write_days_as_pages_do() -> None:
    at = datetime(2026, 11, 25, 13, 53, tzinfo=UTC)
    with translation.override("pt-br"):
        assert formats.date_format(at, "DATETIME_FORMAT") == "25 nov 2026, 13:53"
    with translation.override("en"):
        assert formats.date_format(date(2026, 11, 5), "DATE_FORMAT") == "5 Nov 2026"
