"""Where and as whom a server can run: PostgreSQL refuses to be root."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.processes import IS_LINUX, PLAIN_ENVIRONMENT, spawn

# Open to every user on every system, and kept across a restart of the machine.
OPEN_FOLDER = Path("/var/tmp")  # noqa: S108 # what we make there belongs to us, and is checked


class Unreachable(Exception):
    """No user that may run a server reaches this folder."""


@dataclass(frozen=True)
class Place:
    """Where a server's files are, and who runs it: `self`, `namespace` or `uid:gid`."""

    folder: Path
    executable: Path
    identity: str = "self"

    @property
    def owner(self) -> tuple[int, int]:
        """The user and group, as seen from outside, that must own what the server writes."""
        if ":" not in self.identity:
            return os.geteuid(), os.getegid()
        user, group = self.identity.split(":")
        return int(user), int(group)


def find_place(folder: Path, executable: Path) -> Place:
    """Where and as whom a server can run; PostgreSQL refuses to be root.

    As root, in this order: whoever owns the data already; root's own files through a user
    namespace, which works under a closed home as well; `nobody`, where every parent folder lets it
    pass; a copy in a folder that does, which is then named.
    """
    if os.geteuid() != 0:
        return Place(folder, executable)
    for identity in identities(folder):
        place = Place(folder, executable, identity)
        if can_run(place):
            return place
    return copy_elsewhere(folder, executable)


def identities(folder: Path) -> Iterator[str]:
    """Who may run the server when we are root, best first."""
    data = folder / "data"
    if data.exists() and (owner := data.stat()).st_uid != 0:
        yield f"{owner.st_uid}:{owner.st_gid}"
        return
    if IS_LINUX:
        yield "namespace"
    if not data.exists():
        yield nobody()


def nobody() -> str:
    user = pwd.getpwnam("nobody")
    return f"{user.pw_uid}:{user.pw_gid}"


def can_run(place: Place) -> bool:
    """Whether this identity reaches the folder and the program: found out by doing it."""
    attempt = spawn(
        [
            "/bin/sh",
            "-c",
            'test -x "$1" && exec "$2" --version',
            "sh",
            str(place.folder),
            str(place.executable),
        ],
        identity=place.identity,
        output=subprocess.DEVNULL,
        env=PLAIN_ENVIRONMENT,
    )
    return attempt.wait() == 0


def copy_elsewhere(folder: Path, executable: Path) -> Place:
    """A copy of the programs, and the data, where `nobody` can reach them."""
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    copy = OPEN_FOLDER / f"pulso-{name}"
    copy.mkdir(mode=0o711, exist_ok=True)
    if copy.is_symlink() or copy.stat().st_uid != os.geteuid():
        raise Unreachable(
            f"{copy} belongs to another user: remove it, or keep the checkout in an open folder."
        )
    packages = next(parent for parent in executable.parents if parent.name == "site-packages")
    package = executable.relative_to(packages).parts[0]
    for part in (package, f"{package}.libs"):
        if (packages / part).exists() and not (copy / part).exists():
            shutil.copytree(
                packages / part,
                copy / f"{part}.unfinished",
                symlinks=True,
                dirs_exist_ok=True,
            )
            (copy / f"{part}.unfinished").rename(copy / part)
    sys.stderr.write(
        f"{folder} is closed to other users and a database server must not be root: "
        f"its programs and data are in {copy}.\n"
    )
    return Place(copy, copy / executable.relative_to(packages), nobody())
