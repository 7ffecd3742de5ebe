from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.errors import NotThere, OddAnswer
from billing.gateways.api_pix import ApiPix, cents_of, read_received
from billing.gateways.base import Credentials, Received
from billing.gateways.pix import PixCode, write
from billing.gateways.registry import GATEWAYS
from billing.simulators.pix import PixSimulator
from clients.kernel.errors import Permanent, Retryable

KEY = "b53609a5-56a2-4e0d-bd04-0d6b296c4ea6"
TXID = "7978c0c97ea847e78e8849634"
# The words of API Pix 2.9.0: a payment as GET /v2/pix/{e2eid} answers it and as a webhook holds it.
PAYMENT = {
    "endToEndId": "E12345678202009091221kkkkkkkkkkk",
    "txid": TXID,
    "valor": "110.00",
    "chave": KEY,
    "horario": "2020-09-09T20:15:00.358Z",
    "infoPagador": "0123456789",
    "devolucoes": [
        {
            "id": "123ABC",
            "rtrId": "D12345678202009091221abcdf098765",
            "valor": "10.00",
            "horario": {"solicitacao": "2020-09-09T20:15:00.358Z"},
            "status": "DEVOLVIDO",
        }
    ],
}
CODE = PixCode(name="Acacia", city="Jundiai", key=KEY, amount_cents=61238, txid=TXID)


@pytest.fixture
def bank(settings: Any) -> Iterator[PixSimulator]:
    simulator = PixSimulator().start()
    settings.HTTP_ALLOWED_PRIVATE = [simulator.url.removeprefix("http://")]
    yield simulator
    simulator.stop()


def ask(bank: PixSimulator, **changed: str) -> ApiPix:
    return ApiPix(Credentials("pix:1", changed.get("url", bank.url), "id", "secret"))


def test_a_payment_is_read_as_the_documents_write_it() -> None:
    assert read_received(PAYMENT) == Received(
        end_to_end_id="E12345678202009091221kkkkkkkkkkk",
        txid=TXID,
        amount_cents=11_000,
        pix_key=KEY,
        received_at=datetime(2020, 9, 9, 20, 15, 0, 358_000, tzinfo=UTC),
        returned_cents=1_000,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"valor": 110.0},
        {"valor": "110"},
        {"valor": "110,00"},
        {"valor": "1e2.00"},
        {"valor": None},
        {"horario": "yesterday"},
        {"horario": "2020-09-09T20:15:00"},
        {"horario": None},
        {"devolucoes": [{"status": "DEVOLVIDO", "valor": "x"}]},
        {"devolucoes": ["x"]},
    ],
)
def test_odd_answers_are_not_guessed_at(change: dict[str, Any]) -> None:
    with pytest.raises(OddAnswer):
        read_received({**PAYMENT, **change})


def test_reais_become_cents_without_floats() -> None:
    assert [cents_of(text) for text in ("19.99", "1.15", "8.20", "0.01")] == [1999, 115, 820, 1]


def test_a_payment_at_the_bank_is_found(bank: PixSimulator) -> None:
    paid = bank.pay(write(CODE))

    found = ask(bank).received(paid["endToEndId"])

    assert (found.txid, found.amount_cents, found.pix_key) == (TXID, 61_238, KEY)
    assert re.fullmatch(r"E\d{8}\d{12}[A-Za-z0-9]{11}", found.end_to_end_id)


def test_the_simulator_speaks_the_words_of_the_documents(bank: PixSimulator) -> None:
    paid = bank.pay(write(CODE))

    assert set(paid) <= set(PAYMENT)
    assert json.loads(json.dumps(paid)) == paid
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", paid["horario"])


def test_an_old_token_is_renewed(bank: PixSimulator) -> None:
    paid, gateway = bank.pay(write(CODE)), ask(bank)
    gateway.received(paid["endToEndId"])
    bank.tokens.clear()

    assert gateway.received(paid["endToEndId"]).amount_cents == 61_238


def test_every_payment_of_a_time_is_listed(bank: PixSimulator) -> None:
    for _ in range(230):
        bank.pay(write(CODE), calls_back=False)
    now = datetime.now(UTC)

    listed = ask(bank).received_between(now - timedelta(hours=1), now + timedelta(hours=1))

    assert len({one["endToEndId"] for one in listed}) == 230
    assert ask(bank).received_between(now - timedelta(days=2), now - timedelta(days=1)) == []


def test_the_bank_is_told_where_to_call(bank: PixSimulator) -> None:
    ask(bank).call_here("+5511987654321", "http://127.0.0.1:9/hook")

    assert bank.webhooks == {"+5511987654321": "http://127.0.0.1:9/hook"}


def test_a_simulator_with_memory_remembers(tmp_path: Any) -> None:
    before = PixSimulator(memory=tmp_path / "pix.json")
    before.webhooks[KEY] = "http://127.0.0.1:9/hook"
    paid = before.pay(write(CODE), calls_back=False)

    after = PixSimulator(memory=tmp_path / "pix.json")

    assert (after.payments, after.webhooks) == ({paid["endToEndId"]: paid}, before.webhooks)


@pytest.mark.parametrize("gateway", GATEWAYS.values(), ids=GATEWAYS)
def test_a_bank_that_does_not_answer_is_worth_retrying(gateway: Any, settings: Any) -> None:
    settings.HTTP_ALLOWED_PRIVATE = ["127.0.0.1:9"]

    with pytest.raises(Retryable):
        gateway(Credentials("pix:2", "http://127.0.0.1:9", "id", "secret")).received("E" * 32)


@pytest.mark.parametrize("gateway", GATEWAYS.values(), ids=GATEWAYS)
def test_a_payment_that_the_bank_does_not_know_may_come_later(
    gateway: Any, bank: PixSimulator
) -> None:
    with pytest.raises(NotThere):
        gateway(Credentials("pix:3", bank.url, "id", "secret")).received("E" * 32)


@pytest.mark.parametrize("gateway", GATEWAYS.values(), ids=GATEWAYS)
@pytest.mark.parametrize("odd", ["", "E1", "../webhook/x", "E" * 33])
def test_what_is_no_end_to_end_id_is_never_asked_for(gateway: Any, odd: str) -> None:
    with pytest.raises(Permanent):
        gateway(Credentials("pix:4", "http://127.0.0.1:9", "id", "secret")).received(odd)
