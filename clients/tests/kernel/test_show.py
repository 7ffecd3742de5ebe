from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from clients.kernel import people, show, when
from clients.kernel.forms import parse_money

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 17, 5, tzinfo=UTC)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
HOUR = timedelta(hours=1)
NBSP = show.NBSP


@pytest.mark.parametrize(
    ("written", "portuguese", "english"),
    [
        (lambda: show.money(123456), "R$ 1.234,56", "R$ 1,234.56"),
        (lambda: show.money(-1200), "−R$ 12,00", "−R$ 12.00"),
        (lambda: show.money(5, "USD"), "US$ 0,05", "US$ 0.05"),
        (lambda: show.percent(0.93), "93%", "93%"),
        (lambda: show.percent(Decimal("0.9985"), 2), "99,85%", "99.85%"),
        (lambda: show.energy(26_090, exact=True), "26,09 kWh", "26.09 kWh"),
        (lambda: show.energy(26_090), "26,1 kWh", "26.1 kWh"),
        (lambda: show.energy(612_000), "612 kWh", "612 kWh"),
        (lambda: show.energy(1_400_000), "1,4 MWh", "1.4 MWh"),
        (lambda: show.energy(0), "0 kWh", "0 kWh"),
        (lambda: show.power(226), "226 W", "226 W"),
        (lambda: show.power(5_450), "5,45 kW", "5.45 kW"),
        (lambda: show.volume(850), "850 L", "850 L"),
        (lambda: show.volume(12_350), "12,35 m³", "12.35 m³"),
        (lambda: show.price(Decimal("0.91847000")), "R$ 0,91847", "R$ 0.91847"),
        (lambda: show.price(Decimal("0.9")), "R$ 0,90", "R$ 0.90"),
        (lambda: when.day(date(2026, 11, 25), TODAY), "25 nov", "25 Nov"),
        (lambda: when.day(date(2007, 2, 2), TODAY), "2 fev 2007", "2 Feb 2007"),
        (lambda: when.weekday(date(2026, 11, 25), TODAY), "qua, 25 nov", "Wed, 25 Nov"),
        (lambda: when.long_day(date(2026, 12, 1)), "1º de dezembro", "1 December"),
        (lambda: when.paper_day(date(2026, 11, 25)), "25/11/2026", "25 Nov 2026"),
        (lambda: when.clock(NOW, SAO_PAULO), "14:05", "14:05"),
        (lambda: when.span(NOW, NOW + HOUR, UTC), "17:05 às 18:05", "17:05 to 18:05"),
        (lambda: when.duration(timedelta(minutes=105)), "1 h 45 min", "1 h 45 min"),
        (lambda: when.duration(timedelta(days=3)), "3 dias", "3 days"),
        (lambda: when.ago(NOW - timedelta(seconds=9), NOW), "agora", "now"),
        (lambda: when.ago(NOW - timedelta(minutes=15), NOW), "há 15 min", "15 min ago"),
        (lambda: when.ago(NOW - timedelta(hours=3), NOW), "há 3 h", "3 h ago"),
        (lambda: when.ago(NOW - timedelta(days=1), NOW), "ontem", "yesterday"),
        (lambda: when.ago(NOW - timedelta(hours=47), NOW), "há 2 dias", "2 days ago"),
        (lambda: when.ago(NOW - timedelta(days=6), NOW), "há 6 dias", "6 days ago"),
        (lambda: when.ago(NOW - timedelta(days=20), NOW), "2 nov", "2 Nov"),
        (lambda: when.due(date(2026, 11, 25), TODAY), "vence em 3 dias", "due in 3 days"),
        (lambda: when.due(TODAY, TODAY), "vence hoje", "due today"),
        (lambda: when.due(date(2026, 11, 20), TODAY), "venceu há 2 dias", "was due 2 days ago"),
    ],
)
def test_value_reads_as_people_write_it(written: Any, portuguese: str, english: str) -> None:
    with translation.override("pt-br"):
        assert written().replace(NBSP, " ") == portuguese
    with translation.override("en"):
        assert written().replace(NBSP, " ") == english


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("+5511987654321", "(11) 98765-4321"),
        ("+351912345678", "+351 912 345 678"),
        ("not a number", "not a number"),
    ],
)
def test_phone_is_short_at_home_and_whole_abroad(stored: str, shown: str) -> None:
    assert people.phone(stored) == shown


@pytest.mark.parametrize(
    ("stored", "whole", "masked"),
    [
        ("12345678909", "123.456.789-09", "•••.456.789-••"),
        ("12ABC34501DE35", "12.ABC.345/01DE-35", "12.ABC.345/01DE-35"),
        ("", "", ""),
    ],
)
def test_document_of_a_person_is_masked_and_of_a_company_is_not(
    stored: str, whole: str, masked: str
) -> None:
    assert people.document(stored) == whole
    assert people.masked_document(stored) == masked


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("1234,5", 123450),
        ("1.234,50", 123450),
        ("R$ 1.234,50", 123450),
        ("1234.50", 123450),
        ("1.234", 123400),
        ("1.234.567", 123456700),
        ("1,234.50", 123450),
        ("0,05", 5),
        ("R$\u00a012", 1200),
        ("−12,00", -1200),
    ],
)
def test_amount_is_understood_however_it_is_typed(typed: str, cents: int) -> None:
    assert parse_money(typed) == cents


@pytest.mark.parametrize(
    "typed", ["", "abc", "1,2,3", "1.2345", "12.34.56", "1.234.56", "1e3", "٣", "0,004", "0.004"]
)
def test_amount_that_could_mean_anything_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_money(typed)
