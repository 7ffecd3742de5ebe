from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from monitoring.management.commands import bench


def test_a_bench_prints_one_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: Any = SimpleNamespace(run=lambda: {"rows_per_s": 7, "unit": "é"})
    monkeypatch.setattr(bench, "benches", lambda: {"nothing": "somewhere"})
    monkeypatch.setattr(bench.importlib, "import_module", lambda _: measured)
    out = StringIO()

    call_command("bench", "nothing", "--json", stdout=out)

    assert out.getvalue().count("\n") == 1
    assert json.loads(out.getvalue()) == {"rows_per_s": 7, "unit": "é"}


def test_every_bench_is_a_function_named_run() -> None:
    for module in bench.benches().values():
        source = (Path(settings.BASE_DIR) / module.replace(".", "/")).with_suffix(".py")
        assert "\ndef run(" in source.read_text(encoding="utf-8"), module
    assert "ingest" in bench.benches()


def test_an_unknown_bench_ends_with_one_sentence() -> None:
    with pytest.raises(CommandError, match="no bench “speed”") as refusal:
        call_command("bench", "speed")
    assert refusal.value.returncode == 2
