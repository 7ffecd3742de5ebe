from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from clients.kernel.cache import ValkeyCache, tenant_key
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from config.services import Valkey


def made(url: str) -> Any:
    return ValkeyCache(url, {"KEY_FUNCTION": tenant_key, "TIMEOUT": 60})


def test_without_valkey_the_cache_is_memory_and_nobody_waits(tmp_path: Path) -> None:
    with Valkey(tmp_path, durable=False) as valkey:
        own = made(valkey.url(0))
        own.set("a", 1)
        assert own.get("a") == 1
    began = time.monotonic()
    own.set("b", 2)
    assert own.get("b") == 2
    assert own.get("a") is None
    assert own.incr("b") == 3
    assert own.add("b", 1) is False
    assert time.monotonic() - began < 0.3


def test_a_valkey_that_stalls_costs_less_than_a_third_of_a_second(tmp_path: Path) -> None:
    with Valkey(tmp_path, durable=False) as valkey:
        own = made(valkey.url(0))
        own.set("a", 1)
        os.kill(valkey.process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            for _ in range(20):
                own.get("a")
            assert time.monotonic() - began < 0.3
        finally:
            os.kill(valkey.process.pid, signal.SIGCONT)


@pytest.mark.commits
def test_a_tenants_keys_are_its_own(acacia: Tenant, baobab: Tenant) -> None:
    with acting_for(acacia.pk):
        cache.set("figure", 1)
    with acting_for(baobab.pk):
        assert cache.get("figure") is None
    assert cache.get("figure") is None
    with acting_for(acacia.pk):
        assert cache.get("figure") == 1
