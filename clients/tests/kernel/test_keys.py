from __future__ import annotations

import time
import uuid

from clients.kernel.keys import uuid7


def test_a_public_id_is_a_uuid_of_version_7() -> None:
    made = [uuid7() for _ in range(1000)]
    assert {(one.version, one.variant) for one in made} == {(7, uuid.RFC_4122)}
    assert len(set(made)) == 1000


def test_public_ids_sort_by_time() -> None:
    before = time.time_ns() // 1_000_000
    first = uuid7()
    time.sleep(0.002)
    second = uuid7()
    assert first < second
    assert before <= first.int >> 80 <= time.time_ns() // 1_000_000
