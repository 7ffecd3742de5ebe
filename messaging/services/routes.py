"""The ways to reach people, looked up once for as many messages as are written together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _

from clients.kernel.tenancy import current_tenant_id
from clients.models import Client, ContactKind, ContactPoint, Tenant
from messaging.channels.base import ProviderTemplate
from messaging.channels.registry import CHANNELS
from messaging.errors import TextTooLong
from messaging.models import ChannelAccount, ChannelKind, Message, Suppression
from messaging.models.message import Recipient, name_of
from messaging.services.templates import Wording, own_wordings, words_for

PREFERRED: tuple[str, ...] = (ChannelKind.WHATSAPP, ChannelKind.EMAIL)


@dataclass(frozen=True)
class Address:
    """A number or an e-mail of a person; a client's is a contact point."""

    kind: str
    value: str
    contact_point: ContactPoint | None = None


@dataclass(frozen=True)
class Route:
    """A way to reach a person: through which account, to which address."""

    account: ChannelAccount
    address: Address


class Ways:
    """Accounts, addresses, suppressions and templates for these people, in five queries."""

    def __init__(self, people: Iterable[Recipient], kinds: Iterable[str]) -> None:
        tenant = Tenant.objects.get(pk=current_tenant_id())
        self._addresses: dict[Recipient, list[Address]] = {}
        clients = {}
        for person in people:
            person.tenant = tenant  # all have the same one
            self._addresses[person] = []
            if isinstance(person, Client):
                clients[person.pk] = person
            else:
                self._addresses[person] = [Address(ContactKind.EMAIL, person.user.email)]
        for point in ContactPoint.objects.filter(client__in=list(clients)):
            found = Address(point.kind, point.value, point)
            self._addresses[clients[point.client_id]].append(found)
        accounts = ChannelAccount.objects.filter(is_active=True, is_default=True)
        self._accounts = {account.kind: account for account in accounts}
        addresses = [one.value for its in self._addresses.values() for one in its]
        blocked = Suppression.objects.filter(address__in=addresses)
        self._blocked = set(blocked.values_list("channel", "address"))
        self._wordings: dict[Wording, Any] = own_wordings(set(kinds))

    def to(self, person: Recipient, channels: Sequence[str] = PREFERRED) -> list[Route]:
        """The ways to this person on these channels, the first one first."""
        return [
            Route(self._accounts[channel], address)
            for channel in channels
            if channel in self._accounts
            for address in self._addresses[person]
            if address.kind == CHANNELS[channel].address_kind
            and (channel, address.value) not in self._blocked
        ]

    def take(self, message: Message, route: Route) -> None:
        """Word the message for this way and point it there. Raises NoText or TextTooLong."""
        channel = route.account.kind
        languages = languages_of(message.recipient)
        words = words_for(message.kind, channel, languages, values_of(message), self._wordings)
        if len(words.body) > CHANNELS[channel].longest_body:
            raise TextTooLong(_("This text is too long for its channel."))
        message.account, message.contact_point = route.account, route.address.contact_point
        message.channel, message.address = channel, route.address.value
        message.subject, message.body, message.language = words.subject, words.body, words.language
        message.template = words.template
        message.approved = _as_json(words.provider_template)


def languages_of(person: Recipient) -> list[str]:
    own = person.language if isinstance(person, Client) else person.user.language
    return [language for language in (own, person.tenant.locale) if language]


def values_of(message: Message) -> dict[str, str]:
    """What may be filled in: the person's and the company's name, then what the caller gave."""
    name = name_of(message.recipient)
    first_name = name.split(" ")[0]
    company = message.recipient.tenant.name
    return {
        "name": name,
        "first_name": first_name,
        "company": company,
        "nome": name,
        "primeiro_nome": first_name,
        "empresa": company,
        **{key: str(value) for key, value in message.context.items()},
    }


def _as_json(approved: ProviderTemplate | None) -> dict[str, Any] | None:
    if approved is None:
        return None
    return asdict(approved) | {"parameters": list(approved.parameters)}
