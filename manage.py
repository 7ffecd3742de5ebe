#!/usr/bin/env python3
"""Pulso's one door: `python3 manage.py up`, `test`, `lint`, and every other command.

Written so that any Python 3 can read it: an old one gets a sentence and not a traceback.
"""

# ruff: noqa: I002, UP031, UP036

import os
import sys


def main() -> None:
    if sys.version_info < (3, 11):
        stop("Pulso needs Python 3.11 or later; this is Python %d.%d." % sys.version_info[:2])
    if os.name == "nt":
        stop("Pulso runs on Linux and macOS; on Windows, run it inside WSL.")
    from config.bootstrap import enter_environment

    enter_environment(sys.argv)
    from config.commands import run

    sys.exit(run(sys.argv))


def stop(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
