"""Static Pix codes (BR Code, EMV): written and read without calling anyone.

A static code never expires and may be paid twice. Who paid is known from the txid that the bank
sends back.
"""

from __future__ import annotations

import binascii
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import segno
from django.utils.translation import gettext as _
from validate_docbr import CNPJ, CPF

from billing.errors import BadPixCode, BadPixKey

PIX_DOMAIN = "br.gov.bcb.pix"
NO_TXID = "***"
NAME_LIMIT = 25
CITY_LIMIT = 15
KEY_LIMIT = 77
CODE_LIMIT = 512
HEAD = 4  # two digits of tag, two of length
LONGEST_FIELD = 99
CPF_LENGTH, RANDOM_LENGTH = 11, 36
BRAZILIAN_PHONE = (13, 14)  # with +55, area and eight or nine digits

_TXID = re.compile(r"[A-Za-z0-9]{1,25}")
_AMOUNT = re.compile(r"[0-9]{1,10}\.[0-9]{2}")
_EMAIL = re.compile(r"[a-z0-9.!#$&'*+/=?^_`{|}~-]+@[a-z0-9-]+(\.[a-z0-9-]+)+")
_PHONE = re.compile(r"\+[1-9][0-9]{7,14}")
_RANDOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SPELLINGS = str.maketrans(
    {
        "ß": "ss",
        "ø": "o",
        "Ø": "O",
        "æ": "ae",
        "Æ": "AE",
        "ł": "l",
        "Ł": "L",
        "–": "-",
        "—": "-",
        "’": "'",
    }
)


class PixKeyKind(StrEnum):
    CPF = "cpf"
    CNPJ = "cnpj"
    EMAIL = "email"
    PHONE = "phone"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class PixKey:
    kind: PixKeyKind
    value: str


@dataclass(frozen=True, slots=True)
class PixCode:
    """What a Pix code says. A static one names a key, a dynamic one an address, never both."""

    name: str
    city: str
    key: str = ""
    amount_cents: int | None = None
    txid: str = NO_TXID
    info: str = ""
    url: str = ""
    recurrence_url: str = ""
    postal_code: str = ""
    is_one_time: bool = False


def read_key(text: str) -> PixKey:
    """A Pix key as the directory keeps it: bare digits, lower-case mail, phone with +55."""
    bare = text.strip()
    if "@" in bare:
        return _key(PixKeyKind.EMAIL, bare.lower(), is_good=bool(_EMAIL.fullmatch(bare.lower())))
    if bare.startswith("+"):
        phone = "+" + re.sub(r"[\s().-]", "", bare[1:])
        is_whole = not phone.startswith("+55") or len(phone) in BRAZILIAN_PHONE
        return _key(PixKeyKind.PHONE, phone, is_good=bool(_PHONE.fullmatch(phone)) and is_whole)
    if len(bare) == RANDOM_LENGTH:
        return _key(PixKeyKind.RANDOM, bare.lower(), is_good=bool(_RANDOM.fullmatch(bare.lower())))
    document = re.sub(r"[\s./-]", "", bare).upper()
    if len(document) == CPF_LENGTH:
        return _key(
            PixKeyKind.CPF, document, is_good=document.isascii() and CPF().validate(document)
        )
    return _key(PixKeyKind.CNPJ, document, is_good=document.isascii() and CNPJ().validate(document))


def _key(kind: PixKeyKind, value: str, *, is_good: bool) -> PixKey:
    if not is_good or not value.isascii() or len(value) > KEY_LIMIT:
        raise BadPixKey
    return PixKey(kind, value)


def plain(text: str) -> str:
    """The text in ASCII: accents fall away, what has no plain spelling becomes a space."""
    bare = unicodedata.normalize("NFKD", text.translate(_SPELLINGS))
    letters = ("" if unicodedata.combining(c) else c if " " <= c <= "~" else " " for c in bare)
    return " ".join("".join(letters).split())


def shortened(text: str, limit: int) -> str:
    """The plain text cut to fit, at the end of a word where one ends in time."""
    bare = plain(text)
    if len(bare) <= limit:
        return bare
    head, space, _ = bare[: limit + 1].rpartition(" ")
    return head if space and len(head) >= limit // 2 else bare[:limit].rstrip()


def write(code: PixCode) -> str:
    """The text to copy and paste. The same code always gives the same text."""
    _check(code)
    account = [("00", PIX_DOMAIN), ("01", code.key), ("02", plain(code.info)), ("25", code.url)]
    recurrence = [("00", PIX_DOMAIN), ("25", code.recurrence_url)] if code.recurrence_url else []
    fields = [
        ("00", "01"),
        ("01", "12" if code.is_one_time else ""),
        ("26", _join(account)),
        ("52", "0000"),
        ("53", "986"),
        (
            "54",
            ""
            if code.amount_cents is None
            else f"{code.amount_cents // 100}.{code.amount_cents % 100:02d}",
        ),
        ("58", "BR"),
        ("59", plain(code.name)),
        ("60", plain(code.city)),
        ("61", code.postal_code),
        ("62", _join([("05", code.txid)])),
        ("80", _join(recurrence)),
    ]
    text = _join(fields) + "6304"
    return text + checksum(text)


def _check(code: PixCode) -> None:
    if code.key and code.key != read_key(code.key).value:
        raise BadPixKey
    if code.key and code.url:
        raise BadPixCode(_("A code names a key or an address, not both."))
    if not 1 <= len(plain(code.name)) <= NAME_LIMIT:
        raise BadPixCode(_("The receiver's name needs 1 to 25 plain letters."))
    if not 1 <= len(plain(code.city)) <= CITY_LIMIT:
        raise BadPixCode(_("The receiver's city needs 1 to 15 plain letters."))
    if code.txid != NO_TXID and not _TXID.fullmatch(code.txid):
        raise BadPixCode(_("The txid needs 1 to 25 letters or digits."))
    if code.amount_cents is not None and not 0 < code.amount_cents < 10**12:
        raise BadPixCode(_("The amount must be at least one cent."))


def _join(fields: list[tuple[str, str]]) -> str:
    for tag, value in fields:
        if len(value) > LONGEST_FIELD or not value.isascii():
            raise BadPixCode(_("Field %(field)s does not fit.") % {"field": tag})
    return "".join(f"{tag}{len(value):02d}{value}" for tag, value in fields if value)


def read(text: str) -> PixCode:
    """What a code says. Raises BadPixCode when a length, a field or the checksum is wrong."""
    if len(text) > CODE_LIMIT or not text.isascii() or not text.isprintable():
        raise BadPixCode(_("The code is too long or holds strange characters."))
    if text[-8:-4] != "6304" or checksum(text[:-4]) != text[-4:].upper():
        raise BadPixCode(_("The checksum does not match."))
    fields = _fields(text[:-8])
    expected = {"00": "01", "52": fields.get("52", ""), "53": "986", "58": "BR"}
    if text[:6] != "000201" or any(fields.get(tag) != value for tag, value in expected.items()):
        raise BadPixCode(_("The code is not a Pix in reais."))
    if fields.get("01", "11") not in ("11", "12"):
        raise BadPixCode(_("The code does not say whether it may be paid again."))
    account = _pix_account(fields.get("26", ""))
    key, url = account.get("01", ""), account.get("25", "")
    if key and url:
        raise BadPixCode(_("A code names a key or an address, not both."))
    return PixCode(
        name=_sized(fields, "59", NAME_LIMIT),
        city=_sized(fields, "60", CITY_LIMIT),
        key=read_key(key).value if key else "",
        amount_cents=_amount(fields.get("54")),
        txid=_txid(_fields(fields.get("62", "")).get("05", "")),
        info=account.get("02", ""),
        url=url,
        recurrence_url=_pix_account(fields["80"]).get("25", "") if "80" in fields else "",
        postal_code=fields.get("61", ""),
        is_one_time=fields.get("01") == "12",
    )


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag, value in _walk(text):
        if tag in found:
            raise BadPixCode(_("Field %(field)s appears twice.") % {"field": tag})
        found[tag] = value
    return found


def _walk(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        head = text[at : at + HEAD]
        if len(head) < HEAD or not head.isdigit():
            raise BadPixCode(_("The code breaks off in the middle of a field."))
        end = at + HEAD + int(head[2:])
        if end > len(text) or end == at + HEAD:
            raise BadPixCode(_("Field %(field)s is shorter than it says.") % {"field": head[:2]})
        yield head[:2], text[at + HEAD : end]
        at = end


def _pix_account(text: str) -> dict[str, str]:
    account = _fields(text)
    if account.get("00", "").lower() != PIX_DOMAIN:
        raise BadPixCode(_("The code belongs to another payment scheme."))
    return account


def _sized(fields: dict[str, str], tag: str, limit: int) -> str:
    value = fields.get(tag, "")
    if not 1 <= len(value) <= limit:
        raise BadPixCode(
            _("Field %(field)s needs 1 to %(limit)d letters.") % {"field": tag, "limit": limit}
        )
    return value


def _amount(text: str | None) -> int | None:
    if text is None:
        return None
    if not _AMOUNT.fullmatch(text):
        raise BadPixCode(_("The amount is not written as reais and cents."))
    return int(text.replace(".", ""))


def _txid(text: str) -> str:
    if text != NO_TXID and not _TXID.fullmatch(text):
        raise BadPixCode(_("The txid needs 1 to 25 letters or digits."))
    return text


def checksum(text: str) -> str:
    """CRC-16/CCITT-FALSE in four upper-case digits."""
    return f"{binascii.crc_hqx(text.encode('ascii'), 0xFFFF):04X}"


def qr_svg(text: str) -> str:
    """The code as a picture that scales: black on white, with the quiet margin scanners need."""
    picture = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        picture,
        kind="svg",
        border=4,
        dark="#000",
        light="#fff",
        xmldecl=False,
        svgns=True,
        omitsize=True,
    )
    return picture.getvalue().decode()
