"""Every text that pages, scripts and answers may say, found in the sources and in unfold."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import unfold
from babel.messages.extract import extract
from django.conf import settings
from django.utils.translation.template import templatize

APPS: Final = ("clients", "meters", "messaging", "billing", "monitoring", "config")
KEYWORDS: Final = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "later": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
}
QUOTED: Final = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\"""")
CALL: Final = re.compile(
    rf"(?<!\w)(_|ngettext|gettext|pgettext)\(\s*u?((?:{QUOTED.pattern})(?:\s*,\s*u?(?:{QUOTED.pattern}))*)"
)
CONTEXT: Final = "\x04"
Text = str | tuple[str, ...]


def texts_of_app(app: str) -> dict[Text, str]:
    """The app's texts, each with a place where it is said."""
    return dict(_texts(settings.BASE_DIR / app))


def texts_of_unfold() -> dict[Text, str]:
    """What unfold says on the pages that we use."""
    return dict(_texts(Path(unfold.__file__).parent))


def _texts(folder: Path) -> Iterator[tuple[Text, str]]:
    for file in sorted(folder.rglob("*")):
        if file.suffix not in {".py", ".html", ".txt"} or _is_skipped(file, folder):
            continue
        place, source = str(file.relative_to(folder.parent)), file.read_text()
        found = _in_python(source) if file.suffix == ".py" else _in_template(source, str(file))
        for text in found:
            yield text, place


def _in_python(source: str) -> Iterator[Text]:
    stream = io.BytesIO(source.encode())
    found = extract("python", stream, KEYWORDS, (), {"encoding": "utf-8"})
    for _line, text, _comments, context in found:
        yield f"{context}{CONTEXT}{text}" if context else text


def _in_template(source: str, origin: str) -> Iterator[Text]:
    """Django writes a template as calls of gettext among X's."""
    for call in CALL.finditer(templatize(source, origin=origin)):
        texts = [ast.literal_eval(quoted) for quoted in QUOTED.findall(call[2])]
        yield (texts[0], texts[1]) if call[1] == "ngettext" else texts[-1]


def _is_skipped(file: Path, folder: Path) -> bool:
    skipped = {"tests", "migrations", "testing.py", "import_export", "simple_history", "guardian"}
    return bool(skipped & set(file.relative_to(folder).parts))
