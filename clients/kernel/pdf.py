"""Documents: a Typst template and plain data become a PDF, the same bytes for the same data.

Data travels as JSON and is never markup. A template reads nothing outside its own folder and no network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import typst

FONTS = Path(__file__).parents[1] / "fonts"


def render(template: Path, data: Mapping[str, object], *, made_at: datetime) -> bytes:
    """The PDF/A-2b of a template filled with data. Raises TypeError for data that JSON does not know."""
    return _compile(template, data, made_at=made_at, kind="pdf")


def preview(template: Path, data: Mapping[str, object], *, made_at: datetime) -> bytes:
    """The first page as a PNG, for documentation and for looking at a template while it is written."""
    return _compile(template, data, made_at=made_at, kind="png")


def _compile(
    template: Path, data: Mapping[str, object], *, made_at: datetime, kind: Literal["pdf", "png"]
) -> bytes:
    import typst  # 80 MB of compiler: loaded by the processes that write documents, when they do

    made: bytes | list[bytes] = typst.compile(
        template,
        root=template.parent,
        format=kind,
        font_paths=_fonts(),
        sys_inputs={"data": json.dumps(data, allow_nan=False)},
        pdf_standards="a-2b" if kind == "pdf" else [],
        timestamp=int(made_at.timestamp()),
        ppi=110 if kind == "png" else None,
    )
    return made if isinstance(made, bytes) else made[0]


@cache
def _fonts() -> typst.Fonts:
    import typst

    return typst.Fonts(include_system_fonts=False, font_paths=[FONTS])
