"""Identities that may be shown: UUIDv7 (RFC 9562 §5.7), made in Python, sortable by time."""

from __future__ import annotations

import secrets
import time
import uuid

from django.db import models


def uuid7() -> uuid.UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


class PublicIdModel(models.Model):
    """A row with a URL or an API id. The bigint key stays inside."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)

    class Meta:
        abstract = True
