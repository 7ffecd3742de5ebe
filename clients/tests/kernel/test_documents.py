from __future__ import annotations

import csv
import io

import pytest
from django.core.exceptions import ValidationError

from clients.kernel.documents import normal_document, normal_phone

# Receita Federal's questions and answers on the alphanumeric CNPJ, and recomputed ones.
VECTORS = """\
12ABC34501DE35,true
11222333000181,true
12ABC34501DE34,false
"""


@pytest.mark.parametrize(
    ("document", "is_valid"),
    [(document, valid == "true") for document, valid in csv.reader(io.StringIO(VECTORS))],
)
def test_cnpj_vectors_of_the_receita(document: str, is_valid: bool) -> None:
    if is_valid:
        assert normal_document(document) == document
    else:
        with pytest.raises(ValidationError) as refused:
            normal_document(document)
        assert refused.value.code == "wrong_cnpj"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("12.abc.345/01de-35", "12ABC34501DE35"),
        ("11.222.333/0001-81", "11222333000181"),
        (" 529.982.247-25 ", "52998224725"),
        ("", ""),
        (" . ", ""),
    ],
)
def test_punctuation_and_small_letters_are_taken_out(typed: str, stored: str) -> None:
    assert normal_document(typed) == stored


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("52998224726", "wrong_cpf"),
        ("11111111111", "wrong_cpf"),
        ("00000000000000", "wrong_cnpj"),
        ("1234", "wrong_document"),
        ("12ABC34501DEAB", "wrong_document"),
        ("٥٢٩٩٨٢٢٤٧٢٥", "wrong_document"),
        ("12ÁBC34501DE35", "wrong_document"),
    ],
)
def test_a_wrong_document_is_told_why(typed: str, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        normal_document(typed)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("(11) 98765-4321", "+5511987654321"),
        ("+55 11 98765-4321", "+5511987654321"),
        ("+1 202 555 0100", "+12025550100"),
        ("", ""),
    ],
)
def test_phones_are_stored_in_e164(typed: str, stored: str) -> None:
    assert normal_phone(typed) == stored


@pytest.mark.parametrize("typed", ["98765-4321", "abc", "+55 11 1", "+999999999999999"])
def test_an_incomplete_phone_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError) as refused:
        normal_phone(typed)
    assert refused.value.code == "wrong_phone"
