"""The ways to reach clients, looked up once for as many messages as are written together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _

from clients.kernel.tenancy import current_tenant_id
from clients.models import Client, ContactPoint, Tenant
from messaging.channels.base import ProviderTemplate
from messaging.channels.registry import CHANNELS
from messaging.errors import TextTooLong
from messaging.models import ChannelAccount, ChannelKind, Message, Suppression
from messaging.services.templates import Wording, own_wordings, words_for

PREFERRED: tuple[str, ...] = (ChannelKind.WHATSAPP, ChannelKind.EMAIL)


@dataclass(frozen=True)
class Route:
    """A way to reach a client: through which account, to which address."""

    account: ChannelAccount
    contact_point: ContactPoint


class Ways:
    """Accounts, addresses, suppressions and templates for these clients, in five queries."""

    def __init__(self, clients: Iterable[Client], kinds: Iterable[str]) -> None:
        tenant = Tenant.objects.get(pk=current_tenant_id())
        self._points: dict[int, list[ContactPoint]] = {}
        for client in clients:
            client.tenant = tenant  # all have the same one
            self._points[client.pk] = []
        for point in ContactPoint.objects.filter(client__in=list(self._points)):
            self._points[point.client_id].append(point)
        accounts = ChannelAccount.objects.filter(is_active=True, is_default=True)
        self._accounts = {account.kind: account for account in accounts}
        addresses = [point.value for points in self._points.values() for point in points]
        blocked = Suppression.objects.filter(address__in=addresses)
        self._blocked = set(blocked.values_list("channel", "address"))
        self._wordings: dict[Wording, Any] = own_wordings(set(kinds))

    def to(self, client: Client, channels: Sequence[str] = PREFERRED) -> list[Route]:
        """The ways to this client on these channels, the first one first."""
        return [
            Route(self._accounts[channel], point)
            for channel in channels
            if channel in self._accounts
            for point in self._points[client.pk]
            if point.kind == CHANNELS[channel].address_kind
            and (channel, point.value) not in self._blocked
        ]

    def take(self, message: Message, route: Route) -> None:
        """Word the message for this way and point it there. Raises NoText or TextTooLong."""
        channel = route.account.kind
        languages = languages_of(message.client)
        words = words_for(message.kind, channel, languages, values_of(message), self._wordings)
        if len(words.body) > CHANNELS[channel].longest_body:
            raise TextTooLong(_("This text is too long for its channel."))
        message.account, message.contact_point = route.account, route.contact_point
        message.channel, message.address = channel, route.contact_point.value
        message.subject, message.body, message.language = words.subject, words.body, words.language
        message.template = words.template
        message.approved = _as_json(words.provider_template)


def languages_of(client: Client) -> list[str]:
    return [language for language in (client.language, client.tenant.locale) if language]


def values_of(message: Message) -> dict[str, str]:
    """What may be filled in: the client's and the company's name, then what the caller gave."""
    client = message.client
    first_name = client.name.split(" ")[0]
    company = client.tenant.name
    return {
        "name": client.name,
        "first_name": first_name,
        "company": company,
        "nome": client.name,
        "primeiro_nome": first_name,
        "empresa": company,
        **{key: str(value) for key, value in message.context.items()},
    }


def _as_json(approved: ProviderTemplate | None) -> dict[str, Any] | None:
    if approved is None:
        return None
    return asdict(approved) | {"parameters": list(approved.parameters)}
