from __future__ import annotations

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from clients.models import StoredFile


def unexpired_files() -> QuerySet[StoredFile]:
    """Files that may still be fetched."""
    return StoredFile.objects.filter(Q(expires_at=None) | Q(expires_at__gt=Now()))
