"""Documents: a Typst template and plain data become a PDF, the same bytes for the same data.

Data travels as JSON and is never markup. A template reads nothing outside its own folder and
nothing from the network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import typst

FONTS = Path(__file__).parents[1] / "fonts"
ARCHIVE = "a-2b"
PREVIEW_PPI = 110.0


def render(template: Path, data: Mapping[str, object], *, made_at: datetime) -> bytes:
    """The template filled with data, as PDF/A-2b.

    A text with letters that our fonts lack (say, Chinese) still gives a PDF, only not an archivable
    one: those letters are boxes.
    """
    import typst  # 80 MB of compiler: loaded by the process that writes a document, when it does

    try:
        return _compile(template, data, made_at, format="pdf", pdf_standards=ARCHIVE)
    except typst.TypstError as error:
        if "could not be displayed" not in str(error):
            raise
        return _compile(template, data, made_at, format="pdf")


def preview(template: Path, data: Mapping[str, object], *, made_at: datetime) -> bytes:
    """The first page as PNG, to look at a template while it is written and for documentation."""
    return _compile(template, data, made_at, format="png", ppi=PREVIEW_PPI)


def _compile(template: Path, data: Mapping[str, object], made_at: datetime, **how: Any) -> bytes:
    import typst

    made: Any = typst.compile(  # bytes, or a list of them when pages are pictures
        template,
        root=template.parent,
        font_paths=_fonts(),
        sys_inputs={"data": json.dumps(data, allow_nan=False)},
        timestamp=int(made_at.timestamp()),
        **how,
    )
    return made[0] if isinstance(made, list) else bytes(made)


@cache
def _fonts() -> typst.Fonts:
    import typst

    return typst.Fonts(include_system_fonts=False, font_paths=[FONTS])
