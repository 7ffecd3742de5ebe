"""Files that belong to a tenant: kept in the database, served as attachments by their public id."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from clients.kernel.errors import DomainError

if TYPE_CHECKING:
    from clients.models import StoredFile

LARGEST_BYTES: Final = 20_000_000


class FileTooLarge(DomainError):
    code = "file_too_large"


class FileDamaged(RuntimeError):
    """The stored bytes are not the ones that were kept."""


def keep_file(
    *, kind: str, name: str, content: bytes, content_type: str, expires_at: datetime | None = None
) -> StoredFile:
    """Keep the bytes for the open tenant. Raises FileTooLarge over 20 MB."""
    if len(content) > LARGEST_BYTES:
        raise FileTooLarge(_("A file may have at most 20 MB."))
    model: Any = apps.get_model("clients", "StoredFile")
    kept: StoredFile = model.objects.create(
        kind=kind,
        name=name,
        content_type=content_type,
        content=content,
        sha256=hashlib.sha256(content).digest(),
        size_bytes=len(content),
        expires_at=expires_at,
    )
    return kept


def content_of(file: StoredFile) -> bytes:
    """The bytes as they were kept. Raises FileDamaged when they changed since."""
    content = bytes(file.content)
    if hashlib.sha256(content).digest() != bytes(file.sha256):
        raise FileDamaged(f"file {file.public_id} does not match its SHA-256")
    return content


def attachment(file: StoredFile) -> HttpResponse:
    """The file as a download that no browser shows in place or guesses at."""
    answer = HttpResponse(content_of(file), content_type=file.content_type)
    disposition = content_disposition_header(as_attachment=True, filename=file.name)
    answer.headers["Content-Disposition"] = disposition or "attachment"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer
