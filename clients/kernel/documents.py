"""CPF, CNPJ (also the alphanumeric one of 2026) and phone numbers: checked, and stored one way.

CNPJ: value of a character is ord(c) - 48, weights 5..2,9..2 and 6..2,9..2, modulo 11
(Receita Federal, questions and answers on the alphanumeric CNPJ).
"""

from __future__ import annotations

import re

import phonenumbers
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from validate_docbr import CNPJ, CPF

CPF_FORM = re.compile(r"\d{11}", re.ASCII)
POSTAL_CODE_FORM = re.compile(r"\d{8}", re.ASCII)
CNPJ_FORM = re.compile(r"[0-9A-Z]{12}\d{2}", re.ASCII)


def normal_document(text: str) -> str:
    """A CPF or CNPJ without punctuation, in capitals. Raises ValidationError with a sentence."""
    plain = re.sub(r"[.\-/\s]", "", text).upper()
    if not plain:
        return ""
    if CPF_FORM.fullmatch(plain):
        if not CPF().validate(plain):
            raise ValidationError(
                _("This CPF has a wrong digit. Check the last two."), code="wrong_cpf"
            )
    elif CNPJ_FORM.fullmatch(plain):
        if not CNPJ().validate(plain):
            raise ValidationError(
                _("This CNPJ has a wrong digit. Check the last two."), code="wrong_cnpj"
            )
    else:
        raise ValidationError(
            _("A CPF has 11 digits and a CNPJ has 14 letters or digits. Check what was typed."),
            code="wrong_document",
        )
    return plain


def normal_postal_code(text: str) -> str:
    """`13201-000` as it is stored: eight digits. Raises ValidationError with a sentence."""
    plain = re.sub(r"[.\-\s]", "", text)
    if plain and not POSTAL_CODE_FORM.fullmatch(plain):
        raise ValidationError(
            _("A postal code (CEP) has 8 digits, as in 13201-000."), code="wrong_postal_code"
        )
    return plain


def normal_phone(text: str, region: str = "BR") -> str:
    """The number in E.164, such as +5511987654321. Raises ValidationError with a sentence."""
    if not text.strip():
        return ""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise ValidationError(
            _("This is not a complete phone number. Include the area code, as in (11) 98765-4321."),
            code="wrong_phone",
        )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
