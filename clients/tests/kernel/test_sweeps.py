from __future__ import annotations

import logging

import pytest

from clients.kernel.sweeps import each


def test_what_fails_for_one_is_logged_and_the_others_are_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: list[int] = []

    def work(tenant_id: int) -> None:
        if tenant_id == 2:
            raise ValueError("a number is too large")
        done.append(tenant_id)

    with caplog.at_level(logging.ERROR):
        each([1, 2, 3], work)

    assert done == [1, 3]
    assert [record.exc_text or record.message for record in caplog.records]


def test_keys_of_several_parts_are_arguments() -> None:
    done: list[tuple[int, int]] = []
    each([(1, 7), (2, 8)], lambda tenant_id, row_id: done.append((tenant_id, row_id)))
    assert done == [(1, 7), (2, 8)]
