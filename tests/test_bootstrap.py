"""The first command on a fresh machine: it installs, or says in one sentence why it cannot."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config import bootstrap
from config.commands.django import execute

REPOSITORY = Path(__file__).resolve().parents[1]
# An address where nothing listens, in the variables of both installers; no retries, no cache.
NO_INDEX = {
    "PIP_INDEX_URL": "http://127.0.0.1:1/simple",
    "PIP_RETRIES": "0",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_NO_CACHE_DIR": "1",
    "UV_DEFAULT_INDEX": "http://127.0.0.1:1/simple",
    "UV_HTTP_RETRIES": "0",
    "UV_NO_CACHE": "1",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a clone has, as far as the bootstrap is concerned."""
    (tmp_path / "config").mkdir()
    for name in ("manage.py", "config/__init__.py", "config/bootstrap.py"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    for lock in REPOSITORY.glob("requirements*.lock"):
        shutil.copy(lock, tmp_path)
    (tmp_path / "config" / "commands.py").write_text("def run(arguments): print('in'); return 0\n")
    return tmp_path


def manage(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the checkout's manage.py with the interpreter below our environment."""
    python = os.path.realpath(sys.executable)
    return subprocess.run(
        [python, str(checkout / "manage.py"), *arguments],
        cwd=checkout,
        env={"PATH": os.defpath, "HOME": str(checkout / "home"), **environment},
        capture_output=True,
        text=True,
    )


def test_an_old_python_can_read_the_sentence() -> None:
    source = (REPOSITORY / "manage.py").read_text()

    tree = ast.parse(source, feature_version=(3, 6))

    imports = [node.names[0].name for node in tree.body if isinstance(node, ast.Import)]
    assert imports == ["os", "sys"]
    assert "from __future__" not in source


def test_no_index_ends_with_a_sentence_and_the_next_run_starts_again(checkout: Path) -> None:
    scratch = checkout / "scratch"
    scratch.mkdir()
    done = manage(checkout, "up", TMPDIR=str(scratch), **NO_INDEX)
    assert done.returncode == 2
    assert "The packages cannot be fetched" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(scratch.iterdir()) == []
    half_done = checkout / ".venv" / "lib" / "half-done"
    half_done.touch()

    manage(checkout, "up", **NO_INDEX)

    assert not half_done.exists()


def test_an_environment_that_is_ready_is_used_as_it_is(checkout: Path) -> None:
    done = manage(checkout, "up", PULSO_ENV="ready")

    assert (done.returncode, done.stdout) == (0, "in\n")
    assert not (checkout / ".venv").exists()


def test_the_environment_we_run_in_has_what_the_locks_say() -> None:
    assert bootstrap.has_everything(bootstrap.RUN_LOCK)
    assert bootstrap.has_everything(bootstrap.DEVELOPMENT_LOCK)


def test_a_changed_lock_is_installed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", checkout)
    for name in ("PYTHON", "STAMP", "INTERRUPTED"):
        monkeypatch.setattr(bootstrap, name, checkout / name)
    (checkout / "PYTHON").touch()
    lock = bootstrap.RUN_LOCK
    (checkout / "STAMP").write_text(json.dumps({lock: bootstrap.fingerprint(lock)}))
    assert bootstrap.is_stamped(lock)

    (checkout / lock).write_text("changed==1")

    assert not bootstrap.is_stamped(lock)


@pytest.mark.parametrize(
    ("said", "start"),
    [
        ("error: failed to write: No space left on device (os error 28)", "The disk is full"),
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("error sending request for url", "The packages cannot be fetched"),
        ("Temporary failure in name resolution", "The packages cannot be fetched"),
        ("ERROR: No matching distribution found for x==1", "The packages cannot be fetched"),
        ("SyntaxError: invalid syntax", ""),
    ],
)
def test_known_complaints_become_sentences(said: str, start: str) -> None:
    assert bootstrap.sentence_for(said)[: len(start) or None] == start


def test_without_ensurepip_and_pip_the_package_is_named(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "ENVIRONMENT", checkout / ".venv")
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", {}.get)
    monkeypatch.setattr(bootstrap, "base_python", lambda: shutil.which("false"))

    with pytest.raises(bootstrap.Unable, match=r"apt-get install python3\.\d+-venv"):
        bootstrap.find_pip()


def test_a_command_that_there_is_not_ends_with_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        execute(["manage.py", "migrat"])

    assert ended.value.code == 2
    assert "There is no command migrat. Did you mean migrate?" in capsys.readouterr().err
