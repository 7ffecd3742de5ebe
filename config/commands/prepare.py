"""`python -m config.commands.prepare`: tables, and the demonstration tenants the first time.

A process of its own, so that what it loads is given back before the servers start.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.management import call_command, get_commands

    django.setup()
    call_command("migrate", database="owner", verbosity=0, interactive=False)
    sign_ins = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if sign_ins and not sign_ins.exists() and "load_demo" in get_commands():
        said = io.StringIO()
        call_command("load_demo", stdout=said)
        sign_ins.touch(mode=0o600)
        sign_ins.write_text(said.getvalue())


if __name__ == "__main__":
    main()
