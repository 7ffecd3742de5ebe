"""Channel accounts: opening them, changing their secrets, resting them, trying the simulators."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from clients.kernel.tenancy import current_tenant_id
from clients.models import Tenant
from messaging.channels.base import Account
from messaging.channels.registry import CHANNELS
from messaging.errors import AccountIncomplete
from messaging.events import account_paused
from messaging.models import ChannelAccount, ChannelKind
from messaging.services.simulation import SIMULATED, simulated_token

# What an account keeps for its channel, and what of it is never shown again.
SETTINGS = {
    ChannelKind.EMAIL.value: ("host", "port", "security", "username", "password"),
    ChannelKind.WHATSAPP.value: ("phone_number_id", "access_token", "app_secret", "verify_token"),
}
SECURITIES = ("starttls", "tls", "none")
SECRETS = frozenset({"password", "access_token", "app_secret", "verify_token"})
REST = timedelta(hours=1)  # after a refusal that needs a person; then one message tries again


def open_account(
    kind: str,
    name: str,
    *,
    sender: str = "",
    credentials: dict[str, str] | None = None,
    is_default: bool = True,
    is_active: bool = True,
) -> ChannelAccount:
    """A new account. As the default it takes the place of the one before."""
    check_credentials(kind, credentials or {})
    with transaction.atomic():
        if is_default:
            ChannelAccount.objects.filter(kind=kind, is_default=True).update(is_default=False)
        account = ChannelAccount(
            kind=kind, name=name, sender=sender, is_default=is_default, is_active=is_active
        )
        account.credentials = credentials or {}
        account.save()
    return account


def change_account(account: ChannelAccount, credentials: dict[str, str]) -> None:
    """Save the account with the named credentials replaced, and let it send again."""
    changed = {**account.credentials, **credentials}
    check_credentials(account.kind, changed)
    account.credentials = changed
    account.paused_until, account.paused_reason = None, ""
    account.save()


def make_default(account: ChannelAccount) -> None:
    """From now on messages of this kind leave through this account. Safe to call twice."""
    with transaction.atomic():
        others = ChannelAccount.objects.filter(kind=account.kind, is_default=True)
        others.exclude(pk=account.pk).update(is_default=False)
        ChannelAccount.objects.filter(pk=account.pk).update(is_default=True)
    account.is_default = True


def pause_account(account: ChannelAccount, reason: str, until: datetime) -> None:
    """Let nothing leave through the account until then. A longer rest is never shortened."""
    rested = ChannelAccount.objects.filter(pk=account.pk).exclude(paused_until__gte=until)
    if rested.update(paused_until=until, paused_reason=reason[:60]):
        account_paused.announce(tenant_id=account.tenant_id, account_id=account.pk)


def slow_down(account: ChannelAccount, until: datetime) -> None:
    """The provider asked for a slower pace: hold the lane for a moment. Nobody is alarmed."""
    lane = ChannelAccount.objects.filter(pk=account.pk).exclude(paused_until__gte=until)
    lane.update(paused_until=until, paused_reason="pace")


def resume_account(account: ChannelAccount) -> None:
    """Send again at once. Safe to call twice."""
    ChannelAccount.objects.filter(pk=account.pk).update(paused_until=None, paused_reason="")


def open_demo_accounts(tenant: Tenant) -> None:
    """E-mail into the local mailbox and WhatsApp to the simulator. Safe to call twice."""
    have = set(ChannelAccount.objects.values_list("kind", flat=True))
    if ChannelKind.EMAIL not in have:
        open_account(
            ChannelKind.EMAIL,
            _("Local mailbox"),
            sender=f"{tenant.name} <contas@{tenant.slug}.example>",
        )
    if ChannelKind.WHATSAPP not in have:
        open_simulated_whatsapp()


def open_simulated_whatsapp(api_url: str = "") -> ChannelAccount:
    """A WhatsApp account that works without Meta, until real credentials are entered."""
    account = open_account(
        ChannelKind.WHATSAPP,
        _("WhatsApp (simulated)"),
        credentials={
            **({"api_url": api_url} if api_url else {}),
            "phone_number_id": "106540352242922",
            "access_token": SIMULATED,
            "app_secret": secrets.token_urlsafe(32),
            "verify_token": secrets.token_urlsafe(16),
        },
    )
    secret = account.credentials["app_secret"]
    change_account(account, {"access_token": simulated_token(webhook_path(account), secret)})
    return account


def is_simulated(account: ChannelAccount) -> bool:
    """Whether messages through this account reach no real person."""
    return account.credentials.get("access_token", "").startswith(SIMULATED)


def webhook_path(account: ChannelAccount) -> str:
    """The path to enter at the provider, after the address of this installation."""
    return reverse("messaging:webhook", args=[account.webhook_token])


def as_channel_account(account: ChannelAccount) -> Account:
    """The account in the words of its channel."""
    credentials = account.credentials
    sender = account.sender
    if account.kind == ChannelKind.EMAIL and not credentials.get("host"):
        credentials = platform_mail()
        if settings.EMAIL_URL:
            credentials["reply_to"] = sender
            sender = platform_sender(sender)
        sender = sender or settings.DEFAULT_FROM_EMAIL
    if account.kind == ChannelKind.WHATSAPP:
        simulated = is_simulated(account)
        api_url = settings.WHATSAPP_SIMULATOR_URL if simulated else settings.WHATSAPP_API_URL
        credentials = {"api_url": api_url, **credentials}
    return Account(f"{current_tenant_id()}:{account.pk}", sender, credentials)


def platform_sender(sender: str) -> str:
    """The platform's own address under the tenant's name: its server vouches for no other."""
    name = parseaddr(sender)[0]
    own_name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return str(Address(name or own_name, addr_spec=address))


def platform_mail() -> dict[str, str]:
    """Where mail goes when the tenant named no server: EMAIL_URL, or else the local mailbox."""
    if not settings.EMAIL_URL:
        return {"folder": str(settings.MAILBOX_FOLDER)}
    url = urlsplit(settings.EMAIL_URL)
    security = {"smtps": "tls", "smtp+tls": "starttls", "smtp+ssl": "tls"}.get(url.scheme, "none")
    return {
        "host": url.hostname or "",
        "port": str(url.port or 587),
        "username": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "security": security,
    }


def check_credentials(kind: str, credentials: dict[str, str]) -> None:
    """Raise AccountIncomplete when something is missing or cannot be right."""
    missing = [name for name in CHANNELS[kind].required if not credentials.get(name)]
    if missing:
        raise AccountIncomplete(_("This channel also needs: %s.") % ", ".join(missing))
    if not re.fullmatch(r"[0-9]{1,5}", credentials.get("port") or "587"):
        raise AccountIncomplete(_("A port is a number, such as 587."))
    if (credentials.get("security") or "starttls") not in SECURITIES:
        raise AccountIncomplete(_("The security is one of: %s.") % ", ".join(SECURITIES))
