"""Ctrl K: clients by name, document, phone or e-mail; other apps add invoices and meters."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from unfold.dataclasses import SearchResult

from clients.kernel.search import MOST, everything, found_by
from clients.selectors import find_clients


def search(request: HttpRequest, text: str) -> list[SearchResult]:
    """What unfold's palette asks for."""
    return everything(text.strip())


@found_by("clients.view_client")
def clients(text: str) -> Iterator[SearchResult]:
    for client in find_clients(text)[:MOST]:
        facts = [_("Client"), client.get_status_display(), client.city]
        link = reverse("admin:clients_client_change", args=[client.public_id])
        yield SearchResult(client.name, " · ".join(filter(None, facts)), link, "person")
