"""`manage.py test`: the whole suite; every argument but our own goes to pytest."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from config.bootstrap import ROOT
from config.commands.tally import VARIABLE

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NOTHING_SELECTED = 5  # pytest's exit status
# Two processes: the servers and the browser want the rest of the machine.
IN_PARALLEL = ["-n", "2", "--dist", "loadgroup"]


def run(arguments: list[str]) -> int:
    """0 when everything that ran passed, and something ran."""
    must_browse = "--browser-required" in arguments or bool(
        os.environ.get("PULSO_BROWSER_REQUIRED")
    )
    passed_on = [word for word in arguments if word != "--browser-required"]
    browser = find_browser()
    if must_browse and not browser:
        sys.stderr.write("The browser tests are required, and no Chromium is installed.\n")
        return 2
    chosen_marker, passed_on = take_marker(passed_on)
    statuses, total = set[int](), Counter[str]()
    for marker, options in (("not e2e", IN_PARALLEL), ("e2e", [])):
        if marker == "e2e" and not any(mentions_browser(path) for path in chosen_files(passed_on)):
            continue
        if marker == "e2e" and not browser:
            print("The browser tests did not run: no Chromium was found (set CHROMIUM_PATH).")
            continue
        marker_expression = f"({chosen_marker}) and {marker}" if chosen_marker else marker
        status, counts = run_pytest([*options, "-m", marker_expression, *passed_on], browser)
        statuses.add(status)
        total.update(counts)
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return verdict(statuses)


def take_marker(arguments: list[str]) -> tuple[str, list[str]]:
    """The caller's own -m expression, which joins ours, and the other arguments."""
    if "-m" not in arguments:
        return "", arguments
    place = arguments.index("-m")
    return " ".join(arguments[place + 1 : place + 2]), arguments[:place] + arguments[place + 2 :]


def chosen_files(arguments: list[str]) -> Iterator[Path]:
    """The files that pytest would look into for these arguments."""
    named = [ROOT / word.split("::")[0] for word in arguments if not word.startswith("-")]
    for place in [path for path in named if path.exists()] or [ROOT]:
        yield from (place.rglob("test_*.py") if place.is_dir() else [place])


def mentions_browser(path: Path) -> bool:
    """Saves setting up a database for a call that would select nothing."""
    return ".venv" not in path.parts and "mark.e2e" in path.read_text()


def run_pytest(options: list[str], browser: str) -> tuple[int, dict[str, int]]:
    """One call of its own: a browser test leaves an event loop that breaks the tests after it."""
    with tempfile.TemporaryDirectory(prefix="pulso-") as folder:
        tally = Path(folder) / "tally.json"
        environment = {**os.environ, VARIABLE: str(tally), "CHROMIUM_PATH": browser}
        program = [sys.executable, "-m", "pytest", "-p", "config.commands.tally", *options]
        status = subprocess.run(program, cwd=ROOT, env=environment).returncode
        counts = json.loads(tally.read_text()) if tally.exists() else {}
    return status, counts


def verdict(statuses: set[int]) -> int:
    """A call that selected nothing does not count, unless none selected anything."""
    ran = statuses - {NOTHING_SELECTED}
    if not ran:
        sys.stderr.write("No test was selected.\n")
        return 1
    return 0 if ran == {0} else 1


def find_browser() -> str:
    """A Chromium's path; empty when there is none."""
    named = os.environ.get("CHROMIUM_PATH", "")
    found = (shutil.which(name) for name in BROWSERS)
    return named or next((path for path in found if path), "")
