# ruff: noqa: E501 - codes are one line each
from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import BadPixCode, BadPixKey
from billing.gateways.pix import (
    PixCode,
    PixKeyKind,
    checksum,
    plain,
    qr_svg,
    read,
    read_key,
    shortened,
    write,
)

RANDOM_KEY = "123e4567-e12b-12d1-a456-426655440000"
HEAD = f"00020126580014br.gov.bcb.pix0136{RANDOM_KEY}520400005303986"
TAIL = "5802BR5913Fulano de Tal6008BRASILIA62070503***6304"
FULANO = PixCode(name="Fulano de Tal", city="BRASILIA", key=RANDOM_KEY)

STATIC = {
    f"{HEAD}{TAIL}1D3D": FULANO,
    "00020126360014br.gov.bcb.pix0114+5561912345678520400005303986540510.005802BR5913Fulano de Tal6008BRASILIA"
    "62130509FAT0001236304787D": replace(
        FULANO, key="+5561912345678", amount_cents=1000, txid="FAT000123"
    ),
    "00020126330014br.gov.bcb.pix01111234567890952040000530398654040.015802BR5913Fulano de Tal6008BRASILIA"
    "62080504INV16304169C": replace(FULANO, key="12345678909", amount_cents=1, txid="INV1"),
    f"{HEAD}540510.00{TAIL}288F": replace(FULANO, amount_cents=1000),
}
DYNAMIC = {
    "00020101021226700014br.gov.bcb.pix2548pix.example.com/8b3da2f39a4140d1a91abd93113bd4415204000053039865802BR"
    "5913Fulano de Tal6008BRASILIA62070503***630464E4": "pix.example.com/8b3da2f39a4140d1a91abd93113bd441",
    "00020101021226770014BR.GOV.BCB.PIX2555pix.example.com/qr/93598be0-1bd0-4997-8318-81776a1d8a995204000053039865802BR"
    "5907EMPRESA6009SAO PAULO62070503***6304EEAB": "pix.example.com/qr/93598be0-1bd0-4997-8318-81776a1d8a99",
    "00020101021226810014br.gov.bcb.pix2559pix.example.com/qr/v2/cobv/1e6c54d3ec9449b7a7fc53b6b0f998e7"
    "5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***80800014br.gov.bcb.pix2558pix.example.com/qr/v2/rec/"
    "3ffa640fa4f14080adccb949fa2dc0d06304A441": "pix.example.com/qr/v2/cobv/1e6c54d3ec9449b7a7fc53b6b0f998e7",
}
RECURRENCE_ONLY = (
    "00020126180014br.gov.bcb.pix5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***80800014br.gov.bcb.pix"
    "2558pix.example.com/qr/v2/rec/2353c790eefb11eaadc10242ac120002630462C9"
)


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


def sealed(body: str) -> str:
    return body + checksum(body)


def test_checksum_is_the_published_one() -> None:
    assert checksum("123456789") == "29B1"


@pytest.mark.parametrize(("text", "code"), STATIC.items())
def test_known_static_codes_are_written_to_the_letter(text: str, code: PixCode) -> None:
    assert write(code) == text
    assert read(text) == code


@pytest.mark.parametrize(("text", "url"), DYNAMIC.items())
def test_known_dynamic_codes_are_read_and_written(text: str, url: str) -> None:
    code = read(text)

    assert (code.url, code.is_one_time, code.key) == (url, True, "")
    assert write(code) == sealed(text.replace("BR.GOV.BCB.PIX", "br.gov.bcb.pix")[:-4])


def test_a_code_may_hold_a_recurrence_alone() -> None:
    code = read(RECURRENCE_ONLY)

    assert code.recurrence_url == "pix.example.com/qr/v2/rec/2353c790eefb11eaadc10242ac120002"
    assert write(code) == RECURRENCE_ONLY


def test_a_lower_case_checksum_is_read_and_never_written() -> None:
    text = next(iter(STATIC))

    assert read(text[:-4] + text[-4:].lower()) == FULANO


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{HEAD}540510.00{TAIL}1D3D", "checksum"),
        (sealed(f"{HEAD}5802BR5913Fulano de Tal6008BRASILIA62080503***6304"), "shorter"),
        (sealed(f"{HEAD}540510,00{TAIL}"), "reais and cents"),
        (sealed(f"{HEAD}540510.0{TAIL}"), "breaks off"),
        (sealed(f"{HEAD}540410.0{TAIL}"), "reais and cents"),
        (sealed(f"{HEAD}53039865802BR5913Fulano de Tal6008BRASILIA62070503***6304"), "twice"),
        (sealed(HEAD.replace("5303986", "5303840") + TAIL), "reais"),
        (sealed(HEAD.replace("br.gov.bcb.pix", "br.gov.bcb.xip") + TAIL), "scheme"),
        (sealed(f"{HEAD}5802BR6008BRASILIA62070503***6304"), "59"),
        (sealed(f"{HEAD}5802BR5913Fulano de Tal6008BRASILIA62070503a-b6304"), "txid"),
        (sealed(f"{HEAD}5802BR5913Fulano de Tal6016BRASILIA BRASILI62070503***6304"), "60"),
        (sealed(f"000202{HEAD[6:]}{TAIL}"), "not a Pix"),
        (f"{HEAD}{TAIL}1D3D ", "checksum"),
        (f"{HEAD}{TAIL}1D3D\n", "strange"),
        ("Fulano" * 100, "too long"),
        ("", "checksum"),
    ],
)
def test_damaged_codes_are_refused(text: str, why: str) -> None:
    with pytest.raises(BadPixCode, match=why):
        read(text)


@given(
    cents=st.none() | st.integers(min_value=1, max_value=10**12 - 1),
    txid=st.just("***") | st.text(string.ascii_letters + string.digits, min_size=1, max_size=25),
    name=st.text(string.ascii_letters + " ", min_size=1, max_size=25)
    .map(str.strip)
    .filter(bool)
    .map(plain),
    info=st.text(string.ascii_letters, max_size=15),
)
def test_what_is_written_is_read_back(cents: int | None, txid: str, name: str, info: str) -> None:
    code = replace(FULANO, name=name, amount_cents=cents, txid=txid, info=info)

    assert read(write(code)) == code


@given(
    at=st.integers(min_value=0, max_value=127),
    letter=st.characters(codec="ascii", categories=["L", "N", "P"]),
)
def test_one_wrong_letter_never_passes(at: int, letter: str) -> None:
    text = next(iter(STATIC))
    if at >= len(text) or text[at].upper() == letter.upper():
        return

    with pytest.raises((BadPixCode, BadPixKey)):
        read(text[:at] + letter + text[at + 1 :])


@given(st.text(max_size=600))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(BadPixCode):
        read(text)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("123.456.789-09", PixKeyKind.CPF, "12345678909"),
        ("11.222.333/0001-81", PixKeyKind.CNPJ, "11222333000181"),
        ("12.abc.345/01de-35", PixKeyKind.CNPJ, "12ABC34501DE35"),
        ("Loja@Exemplo.com.br", PixKeyKind.EMAIL, "loja@exemplo.com.br"),
        ("+55 (61) 91234-5678", PixKeyKind.PHONE, "+5561912345678"),
        (RANDOM_KEY.upper(), PixKeyKind.RANDOM, RANDOM_KEY),
    ],
)
def test_keys_are_kept_as_the_directory_writes_them(
    text: str, kind: PixKeyKind, value: str
) -> None:
    key = read_key(text)

    assert (key.kind, key.value) == (kind, value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "111.111.111-11",
        "12345678900",
        "12ABC34501DE36",
        "5561912345678",
        "+55619",
        "+556191234567890",
        "loja@",
        "a b@exemplo.com",
        f"{'a' * 70}@exemplo.com",
        RANDOM_KEY.replace("-", "_"),
        "١٢٣٤٥٦٧٨٩٠٩",
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(BadPixKey):
        read_key(text)


@pytest.mark.parametrize(
    "code",
    [
        replace(FULANO, name="Uma razão social comprida demais Ltda."),
        replace(FULANO, name="漢字"),
        replace(FULANO, city="São José dos Campos"),
        replace(FULANO, txid="FATURA 1"),
        replace(FULANO, txid="A" * 26),
        replace(FULANO, amount_cents=0),
        replace(FULANO, amount_cents=-1),
        replace(FULANO, amount_cents=10**12),
        replace(FULANO, info="a" * 60),
        replace(FULANO, url="pix.example.com/1"),
    ],
)
def test_what_does_not_fit_is_refused_not_cut(code: PixCode) -> None:
    with pytest.raises(BadPixCode):
        write(code)


def test_accents_are_spelt_plainly() -> None:
    assert plain("Energia Certa Serviços – Pão & Água") == "Energia Certa Servicos - Pao & Agua"
    assert shortened("São José dos Campos", 15) == "Sao Jose dos"
    assert shortened("Itaquaquecetuba do Norte", 15) == "Itaquaquecetuba"


def test_the_picture_is_one_clean_svg() -> None:
    picture = qr_svg(next(iter(STATIC)))

    assert picture.startswith("<svg ")
    assert "script" not in picture
