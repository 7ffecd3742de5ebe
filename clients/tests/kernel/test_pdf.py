from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from clients.kernel.pdf import preview, render

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
TEMPLATE = '#set text(font: "Inter")\n#let d = json(bytes(sys.inputs.data))\n= #d.title'


@pytest.fixture
def template(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "letter.typ").write_text(TEMPLATE)
    return folder / "letter.typ"


def test_the_same_data_gives_the_same_bytes(template: Path) -> None:
    first = render(template, {"title": "Olá"}, made_at=NOON)

    assert first.startswith(b"%PDF-1.7")
    assert render(template, {"title": "Olá"}, made_at=NOON) == first
    assert render(template, {"title": "Oi"}, made_at=NOON) != first


@pytest.mark.parametrize("text", ['#panic("x")', "$x$ *y* _z_ \\ ] )", "漢字 🎉", "a" * 5000])
def test_data_is_never_markup(template: Path, text: str) -> None:
    assert render(template, {"title": text}, made_at=NOON).startswith(b"%PDF")


def test_a_template_reads_nothing_outside_its_folder(template: Path) -> None:
    template.write_text('#read("../secret.txt")')

    with pytest.raises(RuntimeError):
        render(template, {}, made_at=NOON)


def test_values_without_a_word_in_json_are_refused(template: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        render(template, {"title": float("nan")}, made_at=NOON)


def test_a_page_can_be_looked_at(template: Path) -> None:
    assert preview(template, {"title": "Olá"}, made_at=NOON).startswith(b"\x89PNG")
