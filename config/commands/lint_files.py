"""`python -m config.commands.lint_files translations|files`: what no other tool looks at."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from config.bootstrap import ROOT

LARGEST_BYTES = 1_000_000
# Where packages come from is each machine's own configuration.
INDEX_HOST = re.compile(rb"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|[-]-(extra-)?index-url")


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    paths = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def complaints_about_files() -> Iterator[str]:
    for path in tracked_files():
        content, name = path.read_bytes(), path.relative_to(ROOT)
        if len(content) > LARGEST_BYTES:
            yield f"{name} has {len(content):,} bytes; at most {LARGEST_BYTES:,} belong in here."
        if b"\0" not in content[:1000] and (found := INDEX_HOST.search(content)):
            yield f"{name} names a package index: {found.group().decode()}"


def complaints_about_translations() -> Iterator[str]:
    for path in tracked_files():
        if path.suffix != ".po":
            continue
        name = path.relative_to(ROOT)
        try:
            with path.open("rb") as file:
                catalog = read_po(file, abort_invalid=True)
            write_mo(io.BytesIO(), catalog)
        except (PoFileError, ValueError) as error:
            yield f"{name} does not compile: {error}"
            continue
        for message, errors in catalog.check():
            yield f"{name}:{message.lineno} {errors[0]}"
        if not path.with_suffix(".mo").exists():
            yield f"{name} was not compiled: pybabel compile -D django -d {name.parents[1]}"


def main() -> None:
    checks = {"files": complaints_about_files, "translations": complaints_about_translations}
    complaints = list(checks[sys.argv[1]]())
    print("\n".join(complaints))
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
