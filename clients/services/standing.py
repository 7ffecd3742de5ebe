"""Where a client stands with the tenant: active, paused for a while, or closed."""

from __future__ import annotations

from django.utils.translation import gettext as _

from clients.errors import ClientClosed
from clients.models import Client, ClientStatus


def pause_client(client: Client) -> None:
    """Stop supplying for a while. Safe to call twice; a closed client stays closed."""
    _move(client, ClientStatus.PAUSED)


def resume_client(client: Client) -> None:
    """Supply again, also after a closure. Safe to call twice."""
    Client.objects.filter(pk=client.pk).update(status=ClientStatus.ACTIVE)


def close_client(client: Client) -> None:
    """End the relation; what is owed stays owed. Safe to call twice."""
    Client.objects.filter(pk=client.pk).update(status=ClientStatus.CLOSED)


def _move(client: Client, status: ClientStatus) -> None:
    open_ones = Client.objects.filter(pk=client.pk).exclude(status=ClientStatus.CLOSED)
    if not open_ones.update(status=status):
        raise ClientClosed(_("%(name)s is closed. Reopen the client first.") % {"name": client})
