"""Becomes another program that dies with its parent: `python launcher.py OPTIONS -- PROGRAM …`.

Run as a script by `config.services.spawn`, with the standard library alone. The pid stays the same,
so whoever started the launcher holds the program.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
LOCKED = 75  # exit status when another process holds the lock: EX_TEMPFAIL
UID_INSIDE = 1000


def take_lock(path: str, parent: int) -> None:
    """Hold a file lock for as long as the program, or any process it starts, lives."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(LOCKED)
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()} {parent}\n".encode())
    os.set_inheritable(lock, True)


def change_identity(identity: str) -> None:
    """Stop being root: a namespace's user who still owns root's files, or a real user."""
    if identity == "namespace":
        uid, gid = os.getuid(), os.getgid()
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "no user namespace")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{UID_INSIDE} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{UID_INSIDE} {gid} 1")
    elif identity != "self":
        user, group = map(int, identity.split(":"))
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)


def die_with(parent: int, last_signal: int, *, by_watcher: bool) -> None:
    """Be sent `last_signal` when the parent ends, however it ends."""
    if by_watcher:
        watch(parent, last_signal)
    elif ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, last_signal):
        raise OSError(ctypes.get_errno(), "prctl")
    if not is_alive(parent):
        sys.exit(1)


def watch(parent: int, last_signal: int) -> None:
    """Leave a child that looks after us where the kernel does not (macOS)."""
    program = os.getpid()
    if os.fork():
        return
    os.setsid()
    os.closerange(0, 256)
    while os.getppid() == program:
        if not is_alive(parent):
            os.kill(program, last_signal)
            break
        time.sleep(0.3)
    os._exit(0)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--parent", type=int, required=True)
    options.add_argument("--signal", type=int, default=int(signal.SIGTERM))
    options.add_argument("--identity", default="self")
    options.add_argument("--lock", default="")
    options.add_argument("--watcher", action="store_true")
    options.add_argument("program", nargs="+")
    chosen = options.parse_args()
    if chosen.lock:
        take_lock(chosen.lock, chosen.parent)
    change_identity(chosen.identity)
    # After the identity: the kernel forgets this signal when credentials change.
    die_with(chosen.parent, chosen.signal, by_watcher=chosen.watcher)
    os.execv(chosen.program[0], chosen.program)  # noqa: S606 # the list is ours


if __name__ == "__main__":
    main()
