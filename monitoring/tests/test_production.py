from __future__ import annotations

import base64
import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings

COMPLETE = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "k" * 60,
    "JWT_SIGNING_KEY": "j" * 60,
    "FIELD_KEYS": base64.b64encode(b"f" * 32).decode(),
    "DATABASE_URL": "postgres://app:x@127.0.0.1:1/pulso",
    "DATABASE_INGEST_URL": "postgres://ingest:x@127.0.0.1:1/pulso",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "ALLOWED_HOSTS": "pulso.example.com",
}


def start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", "import django; django.setup(); print('started')"],
        cwd=settings.BASE_DIR,
        env={**plain, **environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_production_without_its_secrets_refuses_and_names_them() -> None:
    ended = start({"ENVIRONMENT": "production"})

    assert ended.returncode != 0
    assert "started" not in ended.stdout
    for name in settings.REQUIRED_IN_PRODUCTION:
        assert name in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize("missing", ["SECRET_KEY", "FIELD_KEYS"])
def test_one_missing_secret_is_enough(missing: str) -> None:
    ended = start({name: value for name, value in COMPLETE.items() if name != missing})

    assert ended.returncode != 0
    assert ended.stderr.splitlines()[-1].endswith(f"Production needs these settings: {missing}.")


def test_production_with_its_secrets_starts() -> None:
    ended = start(COMPLETE)
    assert (ended.returncode, ended.stdout.strip()) == (0, "started"), ended.stderr


def test_what_production_needs_is_in_the_complete_set() -> None:
    needed: Any = settings.REQUIRED_IN_PRODUCTION
    assert set(needed) <= set(COMPLETE)
