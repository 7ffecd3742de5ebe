"""Questions about clients and files that several pages ask."""

from __future__ import annotations

import re

from django.db.models import Prefetch, Q, QuerySet
from django.db.models.functions import Now

from clients.models import Client, ContactPoint, StoredFile


def find_clients(text: str) -> QuerySet[Client]:
    """Clients whose name, document, phone or e-mail contains `text`, with their contact points."""
    digits = re.sub(r"\D", "", text)
    match = Q(name__icontains=text) | Q(contact_points__value__icontains=text)
    if digits:
        match |= Q(document__contains=digits) | Q(contact_points__value__contains=digits)
    return with_contacts(Client.objects.filter(match).distinct())


def with_contacts(clients: QuerySet[Client]) -> QuerySet[Client]:
    """The same clients; their contact points come in one more query, preferred first."""
    points = ContactPoint.objects.order_by("-is_preferred", "pk")
    return clients.prefetch_related(Prefetch("contact_points", queryset=points))


def unexpired_files() -> QuerySet[StoredFile]:
    """Files that may still be fetched."""
    return StoredFile.objects.filter(Q(expires_at=None) | Q(expires_at__gt=Now()))
