"""A pytest plugin that counts what passed, failed and was skipped, for `manage.py test`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

VARIABLE = "PULSO_TEST_TALLY"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Called in the process that reports, not in xdist's workers."""
    if file := os.environ.get(VARIABLE):
        stats = terminalreporter.stats
        counts = {
            "passed": len(stats.get("passed", [])) + len(stats.get("xfailed", [])),
            "failed": sum(len(stats.get(kind, [])) for kind in ("failed", "error", "xpassed")),
            "skipped": len(stats.get("skipped", [])),
        }
        Path(file).write_text(json.dumps(counts))
