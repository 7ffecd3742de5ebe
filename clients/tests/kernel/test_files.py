from __future__ import annotations

import pytest
from django.db import connection

from clients.kernel.files import (
    LARGEST_BYTES,
    FileDamaged,
    FileTooLarge,
    attachment,
    content_of,
    keep_file,
)
from clients.models import StoredFile, Tenant


def keep(content: bytes = b"%PDF-", name: str = "fatura nº 1.pdf") -> StoredFile:
    return keep_file(kind="test", name=name, content=content, content_type="application/pdf")


def test_a_file_comes_back_as_it_was_kept(acacia: Tenant) -> None:
    kept = keep(b"\x00\xff" * 100)

    again = StoredFile.objects.get(pk=kept.pk)

    assert content_of(again) == b"\x00\xff" * 100
    assert (again.size_bytes, again.tenant_id) == (200, acacia.pk)


def test_a_file_over_20_mb_is_refused(acacia: Tenant) -> None:
    with pytest.raises(FileTooLarge):
        keep(b"x" * (LARGEST_BYTES + 1))

    assert not StoredFile.objects.exists()


def test_a_changed_file_is_noticed(acacia: Tenant) -> None:
    kept = keep()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE clients_storedfile SET content = 'other' WHERE id = %s", [kept.pk])

    with pytest.raises(FileDamaged):
        content_of(StoredFile.objects.get(pk=kept.pk))


def test_a_file_is_a_download_that_runs_nothing(acacia: Tenant) -> None:
    answer = attachment(keep(name='a"\r\nX-Evil: 1.pdf'))

    assert answer.headers["Content-Disposition"].startswith("attachment; filename")
    assert "X-Evil" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
