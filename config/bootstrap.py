"""Makes the environment that everything else runs in, with the standard library alone.

`.venv` gets exactly what the lock files say, hashes included, through uv or else pip. Both read
their own configuration (environment, files), so mirrors and proxies work; nothing here names an
index.
A stamp inside the environment makes every later start a matter of reading one small file.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
UV = ENVIRONMENT / "bin" / "uv"
STAMP = ENVIRONMENT / "installed.json"
INTERRUPTED = ENVIRONMENT / "installing"  # there only while something is being installed
UV_LOCK = "requirements-uv.lock"
RUN_LOCK = "requirements.lock"
DEVELOPMENT_LOCK = "requirements-dev.lock"
SECONDS_BETWEEN_LINES = 2
DEVELOPMENT_COMMANDS = {"test", "lint", "makemessages"}

# What an installer says, and what it means for the person in front of it.
NO_SPACE = re.compile(r"no space left on device|os error 28|errno 28|disk quota", re.IGNORECASE)
NO_INDEX = re.compile(
    r"connection (error|refused|broken|reset)|failed to establish|name resolution|dns error"
    r"|timed? ?out|error sending request|failed to fetch|max retries|could not connect"
    r"|network is unreachable|proxyerror|certificate|no matching distribution"
    r"|not found in the package registry|because there are no versions",
    re.IGNORECASE,
)


class Unable(Exception):
    """The environment cannot be made; the text says why and what to do."""


def enter_environment(arguments: Sequence[str]) -> None:
    """Return inside an environment that has the dependencies; may exec to get there."""
    command = arguments[1] if len(arguments) > 1 else ""
    lock = DEVELOPMENT_LOCK if command in DEVELOPMENT_COMMANDS else RUN_LOCK
    is_inside = Path(sys.prefix) == ENVIRONMENT
    if not is_inside and is_ready_made(lock):
        return
    try:
        if not is_stamped(lock):
            install(lock)
    except Unable as reason:
        stop(str(reason))
    except OSError as error:
        stop(
            sentence_for(str(error)) or f"The environment in {ENVIRONMENT} cannot be made: {error}."
        )
    except KeyboardInterrupt:
        stop("Interrupted; the next run starts the installation again.")
    if not is_inside:
        os.execv(PYTHON, [str(PYTHON), *arguments])  # noqa: S606 # our own words, unchanged


def stop(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
    sys.exit(2)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def is_ready_made(lock: str) -> bool:
    """Whether the Python that runs us has it all already, as in a container image."""
    if os.environ.get("PULSO_ENV") == "ready":
        return True
    return importlib.util.find_spec("django") is not None and has_everything(lock)


def has_everything(lock: str) -> bool:
    """Whether this interpreter sees every locked version that applies to all platforms."""
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==(\S+) \\$", (ROOT / lock).read_text(), re.MULTILINE)
    for name, version in pinned:
        try:
            if importlib.metadata.version(name) != version:
                return False
        except importlib.metadata.PackageNotFoundError:
            return False
    return True


def is_stamped(lock: str) -> bool:
    """Whether the last finished installation was of this very lock file."""
    if INTERRUPTED.exists() or not PYTHON.exists():
        return False
    with suppress(OSError, ValueError, KeyError):
        return bool(json.loads(STAMP.read_text())[lock] == fingerprint(lock))
    return False


def fingerprint(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def install(lock: str) -> None:
    """Bring `.venv` to what the lock says. Others wait meanwhile; interrupted work is redone."""
    with only_one_installs():
        if is_stamped(lock):
            return
        started = time.monotonic()
        if INTERRUPTED.exists() or not works():
            make_environment()
        if not (Path(sys.prefix) == ENVIRONMENT and has_everything(lock)):
            INTERRUPTED.touch()
            install_packages(lock)
            say(f"The environment is ready after {time.monotonic() - started:.0f} s.")
        # The development lock holds everything of the other one.
        locks = (RUN_LOCK, DEVELOPMENT_LOCK) if lock == DEVELOPMENT_LOCK else (lock,)
        STAMP.write_text(json.dumps({name: fingerprint(name) for name in locks}))
        INTERRUPTED.unlink(missing_ok=True)


@contextmanager
def only_one_installs() -> Iterator[None]:
    folder = ROOT / ".pulso"
    folder.mkdir(exist_ok=True)
    with (folder / "install.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Another process is installing the environment; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def works() -> bool:
    """Whether the environment has a Python that runs; its maker may have been removed since."""
    if not (ENVIRONMENT / "pyvenv.cfg").exists():
        return False
    with suppress(OSError):
        return subprocess.run([PYTHON, "-c", ""], capture_output=True).returncode == 0
    return False


def make_environment() -> None:
    """An empty environment. Without pip, which Debian may withhold: see `find_pip`."""
    say(f"Making {ENVIRONMENT} with Python {sys.version.split()[0]}.")
    run_installer([base_python(), "-m", "venv", "--clear", "--without-pip", str(ENVIRONMENT)])
    INTERRUPTED.touch()


def base_python() -> str:
    """The interpreter itself, also when we run inside the environment that is to be made anew."""
    return getattr(sys, "_base_executable", sys.executable)


def install_packages(lock: str) -> None:
    """Through uv, which is fast; where uv finds no index or no cache, through pip."""
    total = len(re.findall(r"^\S+==", (ROOT / lock).read_text(), re.MULTILINE))
    say(f"Installing the {total} packages of {lock}; the first time they are downloaded.")
    pip = find_pip()
    try:
        if not UV.exists():
            run_installer(
                [*pip, "install", "--require-hashes", "--no-deps", "-r", str(ROOT / UV_LOCK)]
            )
        run_uv(lock)
    except Unable as reason:
        if NO_SPACE.search(str(reason)) or "disk is full" in str(reason):
            raise
        say(f"uv cannot do it here ({str(reason).splitlines()[0][:200]}); trying pip.")
        run_installer([*pip, "install", "--progress-bar=off", *pinned(lock)])


def run_uv(lock: str) -> None:
    program = [str(UV), "pip", "install", "--python", str(PYTHON), *pinned(lock)]
    try:
        run_installer(program)
    except Unable as reason:
        if "certificate" not in str(reason):
            raise
        # A company's own authority, which this machine knows and uv's built-in list does not.
        run_installer([*program, "--system-certs"])


def pinned(lock: str) -> list[str]:
    return ["--require-hashes", "--no-deps", "-r", str(ROOT / lock)]


def find_pip() -> list[str]:
    """A pip that installs into `.venv`: its own through ensurepip, or else this Python's."""
    if (ENVIRONMENT / "bin" / "pip").exists():
        return [str(PYTHON), "-m", "pip"]
    if importlib.util.find_spec("ensurepip"):
        made = subprocess.run(
            [PYTHON, "-m", "ensurepip", "--default-pip"], capture_output=True, text=True
        )
        if made.returncode == 0:
            return [str(PYTHON), "-m", "pip"]
        if sentence := sentence_for(made.stderr):
            raise Unable(sentence)
    if (
        subprocess.run([base_python(), "-m", "pip", "--version"], capture_output=True).returncode
        == 0
    ):
        return [base_python(), "-m", "pip", "--python", str(PYTHON)]
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    raise Unable(
        "This Python has neither ensurepip nor pip: on Debian and Ubuntu, "
        f"`apt-get install {package}` brings them."
    )


def run_installer(program: Sequence[str]) -> None:
    """Run it, showing what it says line by line; raises `Unable` with the reason when it fails."""
    scratch = ENVIRONMENT / "tmp"
    with suppress(FileExistsError):
        scratch.parent.mkdir()
    # What a killed installer leaves must not lie outside the checkout. venv --clear takes it along.
    is_venv = "venv" in program
    if not is_venv:
        scratch.mkdir(exist_ok=True)
    environment = (
        os.environ if is_venv else {**os.environ, "TMPDIR": str(scratch), "PIP_NO_INPUT": "1"}
    )
    running = subprocess.Popen(
        program,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    said = list(shown(running.stdout or ()))
    if running.wait() != 0:
        text = "".join(said)
        raise Unable(
            sentence_for(text)
            or f"`{' '.join(map(str, program[:4]))} …` failed:\n{text.strip()[-1500:]}"
        )
    if not is_venv:
        shutil.rmtree(scratch, ignore_errors=True)


def shown(lines: Iterable[str]) -> Iterator[str]:
    """The same lines, one of them printed every two seconds: there are hundreds."""
    last = time.monotonic()
    for line in lines:
        if time.monotonic() - last > SECONDS_BETWEEN_LINES and line.strip():
            last = time.monotonic()
            say(f"  {line.strip()[:100]}")
        yield line


def sentence_for(text: str) -> str:
    """What the installer's complaint means; empty when it is none of the known ones."""
    if NO_SPACE.search(text):
        free = shutil.disk_usage(ROOT).free // 1_000_000
        return (
            f"The disk is full: {ROOT} has {free} MB left, and the environment needs about 1,000."
        )
    complaints = [line.strip() for line in text.splitlines() if NO_INDEX.search(line)]
    if complaints:
        return (
            f"The packages cannot be fetched: {complaints[-1][:300]}\n"
            "Check the network; a mirror or proxy is set by pip's and uv's own configuration."
        )
    return ""
