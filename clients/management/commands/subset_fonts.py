"""Make the fonts that shadow unfold's: only the icons in use, only Latin letters (618 → 30 kB)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import unfold
from django.conf import settings
from django.core.management.base import BaseCommand

UNFOLD: Final = Path(unfold.__file__).parent
FONTS: Final = Path("unfold") / "fonts"
ICONS: Final = FONTS / "material-symbols" / "Material-Symbols-Outlined.woff2"
LIST: Final = ICONS.with_name("icons.txt")  # names cost 6 kB inside the font
APPS: Final = ("clients", "meters", "messaging", "billing", "monitoring", "config")
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789_ "
LATIN: Final = (
    "U+0020-007E,U+00A0-00FF,U+0102,U+0103,U+2010-2015,U+2018-201E,U+2022,U+2026,U+202F,"
    "U+2030,U+20AC,U+2122,U+2190-2193,U+2212,U+25B2,U+25BC,U+2713"
)
FEATURES: Final = "kern,liga,calt,tnum,ccmp,locl,mark,mkmk,case,zero"
IN_CSS: Final = r'content:\s*"([a-z0-9_]+)"'
ALONE: Final = (
    r"""(?<=["'>])\s*([a-z][a-z0-9_]{2,})\s*(?=["'<])"""  # a whole string, or all of a tag
)
SOURCES: Final = {".html", ".py", ".js", ".css"}
# What shows no icon: its words only look like some.
SKIPPED: Final = {
    *("tests", "chart", "alpine", "vendor", "locale", "migrations"),
    *("drivers", "simulators", "management", "gateways", "channels"),
}


def words_in(folder: Path) -> set[str]:
    """Every word that could be an icon's name in the sources below `folder`."""
    found: set[str] = set()
    for file in folder.rglob("*"):
        if file.suffix in SOURCES and not SKIPPED & set(file.parts):
            name = IN_CSS if file.suffix == ".css" else ALONE
            found |= set(re.findall(name, file.read_text(errors="ignore")))
    return found


def icons_in_use(font: Path) -> set[str]:
    """Icons of `font` that unfold or one of our apps names."""
    from fontTools.ttLib import TTFont

    words = words_in(UNFOLD)
    for app in APPS:
        words |= words_in(settings.BASE_DIR / app)
    return words & set(TTFont(font).getGlyphOrder())


class Command(BaseCommand):
    help = "Rebuild clients/static_unfold: run it after using a new icon."

    def handle(self, *args: Any, **options: Any) -> None:
        from fontTools.subset import main as subset

        source, target = UNFOLD / "static", settings.BASE_DIR / "clients" / "static_unfold"
        icons = icons_in_use(source / ICONS)
        (target / ICONS).parent.mkdir(parents=True, exist_ok=True)
        subset(
            [
                str(source / ICONS),
                f"--glyphs={','.join(sorted(icons))}",
                f"--text={LETTERS}",
                "--layout-features=*",
                "--no-layout-closure",
                "--flavor=woff2",
                f"--output-file={target / ICONS}",
            ]
        )
        (target / LIST).write_text("\n".join(sorted(icons)) + "\n")
        (target / FONTS / "inter").mkdir(exist_ok=True)
        for font in sorted((source / FONTS / "inter").glob("*.woff2")):
            subset(
                [
                    str(font),
                    f"--unicodes={LATIN}",
                    f"--layout-features={FEATURES}",
                    "--flavor=woff2",
                    f"--output-file={target / FONTS / 'inter' / font.name}",
                ]
            )
        self.stdout.write(f"{len(icons)} icons kept")
