from __future__ import annotations

from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation import trans_real

from tests.words import APPS, Text, texts_of_app, texts_of_unfold

CATALOGS = sorted(settings.BASE_DIR.glob("*/locale/pt_BR/LC_MESSAGES/django.po"))


def is_said_in_portuguese(text: Text) -> bool:
    catalog = trans_real.translation("pt-br")._catalog
    if isinstance(text, str):
        return catalog.get(text) is not None or catalog.get((text, 0)) is not None
    return catalog.get((text[0], 0)) is not None or catalog.get(text[0]) is not None


@pytest.mark.parametrize("app", APPS)
def test_every_text_of_the_app_has_portuguese_words(app: str) -> None:
    missing = {t: place for t, place in texts_of_app(app).items() if not is_said_in_portuguese(t)}

    assert missing == {}


def test_every_text_of_unfold_has_portuguese_words() -> None:
    missing = [text for text in texts_of_unfold() if text and not is_said_in_portuguese(text)]

    assert missing == []


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parts[-5])
def test_catalog_is_whole_and_its_compiled_form_is_fresh(path: Path) -> None:
    with path.open("rb") as file:
        catalog = read_po(file, locale="pt_BR")
    with path.with_suffix(".mo").open("rb") as file:
        compiled = GNUTranslations(file)._catalog

    for message in catalog:
        if not message.id:
            continue
        assert not list(message.check()), message.id
        first = message.id if isinstance(message.id, str) else message.id[0]
        context = f"{message.context}\x04" if message.context else ""
        key = context + first
        wanted = message.string if isinstance(message.string, str) else message.string[0]
        said = compiled.get(key) or compiled.get((key, 0))
        assert said == wanted, f"compile {path} again: {first!r}"
