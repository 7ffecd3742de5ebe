"""How lists write whose meter it is."""

from __future__ import annotations

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from meters.models import Meter
from meters.selectors.places import client_of


def client_cell(meter: Meter) -> str:
    """The client whose place the meter serves, as a link to their page."""
    client = client_of(meter)
    if client is None:
        return format_html('<span class="p-faint">{}</span>', _("not installed"))
    link = reverse("admin:clients_client_change", args=[client.public_id])
    return format_html('<a class="p-link" href="{}">{}</a>', link, client.name)
