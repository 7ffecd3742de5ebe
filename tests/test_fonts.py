from __future__ import annotations

from pathlib import Path

import unfold
from django.conf import settings
from fontTools.ttLib import TTFont

from clients.management.commands.subset_fonts import ICONS, LIST, icons_in_use

KEPT = settings.BASE_DIR / "clients" / "static_unfold"
LARGEST = 30_000


def test_every_icon_in_use_is_in_the_font_that_we_serve() -> None:
    whole = Path(unfold.__file__).parent / "static" / ICONS

    kept = set((KEPT / LIST).read_text().split())
    missing = icons_in_use(whole) - kept

    assert missing == set(), "run: python3 manage.py subset_fonts"
    assert len(TTFont(KEPT / ICONS).getGlyphOrder()) >= len(kept)


def test_fonts_are_small_enough_for_a_cold_page() -> None:
    sizes = {font.name: font.stat().st_size for font in KEPT.rglob("*.woff2")}

    assert len(sizes) == 5
    assert all(size < LARGEST for size in sizes.values()), sizes
