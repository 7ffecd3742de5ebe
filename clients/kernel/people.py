"""How a person is written: initials, telephone, CPF and CNPJ."""

from __future__ import annotations

import re
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberFormat

HOME: Final = 55  # Brazil: written without the country
CPF_LENGTH: Final = 11
CNPJ_LENGTH: Final = 14


def initials(name: str) -> str:
    """`PT` for Padaria Trigo Bom."""
    return "".join(word[0] for word in re.findall(r"[^\W\d_]\w*", name)[:2]).upper() or "?"


def phone(e164: str) -> str:
    """`(19) 98765-4321`, abroad `+351 912 345 678`; what cannot be read stays as it is."""
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    at_home = parsed.country_code == HOME
    style = PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(parsed, style)


def whatsapp(e164: str) -> str:
    """The link that opens a conversation with this number."""
    return "https://wa.me/" + re.sub(r"\D", "", e164)


def document(value: str) -> str:
    """A CPF or CNPJ with its punctuation. The CNPJ of 2026 may hold letters."""
    text = re.sub(r"[^0-9A-Za-z]", "", value).upper()
    if len(text) == CPF_LENGTH:
        return f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"
    if len(text) == CNPJ_LENGTH:
        return f"{text[:2]}.{text[2:5]}.{text[5:8]}/{text[8:12]}-{text[12:]}"
    return value


def masked_document(value: str) -> str:
    """`•••.456.789-••` for a person; a company's number is public and stays whole."""
    shown = document(value)
    is_person = re.fullmatch(r"\d{3}\.\d{3}\.\d{3}-\d\d", shown, re.ASCII)
    return f"•••{shown[3:12]}••" if is_person else shown
