"""Receiving accounts: set up for a demonstration, and announced to their bank."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.urls import reverse

from billing.gateways.pix import CITY_LIMIT, NAME_LIMIT, shortened
from billing.models import GatewayAccount, GatewayKind
from billing.services.issuing import receiving_account
from billing.services.notices import gateway_of
from clients.kernel.tenancy import acting_for, current_tenant_id
from clients.models import Tenant

DEMO_KEY: Final = (
    "00000000-0000-4000-8000-{:012x}"  # nobody's key: only the simulated bank knows it
)


def webhook_address(account: GatewayAccount) -> str:
    """Where the account's bank calls. It appends /pix, as API Pix says."""
    path: str = reverse("billing:pix_webhook", args=[account.webhook_token])
    return f"{settings.PUBLIC_URL.rstrip('/')}{path.removesuffix('/pix')}"


def open_demo_account() -> GatewayAccount:
    """The open tenant's account at the simulated bank. Safe to call twice."""
    tenant = Tenant.objects.get(pk=current_tenant_id())
    account = GatewayAccount.objects.filter(kind=GatewayKind.SIMULATOR).first()
    if account is not None:
        return account
    account = GatewayAccount(
        name="Banco simulado",
        kind=GatewayKind.SIMULATOR,
        pix_key=DEMO_KEY.format(tenant.pk),
        receiver_name=shortened(tenant.name, NAME_LIMIT),
        receiver_city=shortened(tenant.city or "Brasilia", CITY_LIMIT),
        client_id="demo",
        client_secret="demo",  # noqa: S106 - the simulator takes any
        is_default=receiving_account() is None,
    )
    account.full_clean(exclude=["tenant", "webhook_token_sha256"])
    account.save()
    return account


def connect_account(tenant_id: int, account_id: int) -> None:
    """Ask the bank to call us. Call it outside a transaction. Raises Retryable or Permanent."""
    with acting_for(tenant_id):
        account = GatewayAccount.objects.get(pk=account_id)
        gateway, address = gateway_of(account), webhook_address(account)
    if gateway is not None:
        gateway.call_here(account.pix_key, address)
