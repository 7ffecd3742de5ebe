"""The tenant that browser tests visit: clients, invoices paid and open, a meter with a hole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection

from billing.models import Invoice, PaymentMethod
from billing.services.payments import mark_paid
from billing.testing import make_account, make_invoice
from clients.kernel.money import Money
from clients.kernel.periods import month_of
from clients.kernel.tenancy import acting_for
from clients.models import Client, Tenant, User
from clients.testing import LOGIN_BACKEND, make_client, make_member
from meters.models import AlarmEvent, AlarmRule, Meter, MeteringPoint
from meters.services.alarms import follow_all
from meters.services.intervals import recompute_all_touched
from meters.testing import (
    keep_readings,
    make_alarm_rule,
    make_meter,
    make_metering_point,
    make_site,
)

NAMES = ("Padaria Trigo Bom", "Sofia Pacheco Valente", "Posto Avenida", "João Fonseca Barbosa")


def session_of(user: User) -> str:
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = LOGIN_BACKEND
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return str(store.session_key)


def busy_tenant() -> tuple[Tenant, User]:
    """Four clients with invoices, one meter with two days of readings and a hole."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM tests_tenant WHERE slug = 'acacia'")
        (tenant_id,) = cursor.fetchone()
    now = datetime.now(UTC)
    with acting_for(tenant_id):
        tenant = Tenant.objects.get(pk=tenant_id)
        owner = make_member(tenant=tenant, name="Marina Lopes")
        make_account(tenant=tenant)
        last_month = now.astimezone(tenant.zone).date().replace(day=1) - timedelta(days=1)
        period = month_of(last_month, tenant.zone)
        clients = [
            make_client(tenant=tenant, name=name, city="Jundiaí", phone=f"+551996472920{place}")
            for place, name in enumerate(NAMES)
        ]
        for place, client in enumerate(clients):
            invoice = make_invoice(tenant=tenant, client=client, period=period, now=now)
            if place % 2:
                amount = Money(invoice.total_cents, invoice.currency)
                mark_paid(invoice, amount, method=PaymentMethod.PIX, received_at=now)
        point = make_metering_point(
            tenant=tenant, site=make_site(tenant=tenant, client=clients[0]), name="Quadro geral"
        )
        meter = make_meter(tenant=tenant, metering_point=point, sample_seconds=900)
        make_alarm_rule(
            tenant=tenant, name="Pico", metric="power_w", operator=">", threshold=2_200.0
        )
    start = now.replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    quarters = [place for place in range(4 * 48) if not 100 <= place < 108]
    rows = [
        {"measured_at": start + timedelta(minutes=15 * q), "power_w": 300.0 + q % 40 * 55}
        for q in quarters
    ]
    keep_readings(meter, rows, now=now)
    recompute_all_touched(tenant_id)
    follow_all(tenant_id, now=now)
    return tenant, owner


def addresses_of(tenant: Tenant) -> dict[str, str]:
    with acting_for(tenant.pk):
        client = Client.objects.get(name=NAMES[0]).public_id
        invoice = Invoice.objects.get(client__name=NAMES[0]).public_id
        still_open = Invoice.objects.get(client__name=NAMES[2]).public_id
        paid = Invoice.objects.get(client__name=NAMES[1]).public_id
        meter = Meter.objects.get().public_id
        point = MeteringPoint.objects.get().public_id
        alarm = AlarmEvent.objects.order_by("raised_at")[0].public_id
        rule = AlarmRule.objects.get().public_id
    day = datetime.now(UTC).date() - timedelta(days=1)
    page = f"/admin/meters/meter/{meter}/change/"
    return {
        "home": "/admin/",
        "clients": "/admin/clients/client/",
        "client": f"/admin/clients/client/{client}/change/",
        "client form": f"/admin/clients/client/{client}/change/#general",
        "meters": "/admin/meters/meter/",
        "meter": f"{page}?on={day}",
        "meter month": f"{page}?view=month",
        "meter alarms": f"{page}#alarmes",
        "alarms": "/admin/meters/alarmevent/",
        "alarm": f"/admin/meters/alarmevent/{alarm}/change/",
        "alarm rules": "/admin/meters/alarmrule/",
        "alarm rule": f"/admin/meters/alarmrule/{rule}/change/",
        "alarm rule preview": f"/admin/meters/alarmrule/{rule}/change/#previa",
        "alarm rule form": "/admin/meters/alarmrule/add/",
        "meter analysis": f"{page}#analise",
        "meters health": "/admin/meters/health/",
        "voltage": f"/admin/meters/meteringpoint/{point}/voltage/",
        "invoices": "/admin/billing/invoice/",
        "invoice": f"/admin/billing/invoice/{invoice}/change/",
        "open invoice": f"/admin/billing/invoice/{still_open}/change/",
        "paid invoice": f"/admin/billing/invoice/{paid}/change/",
        "messages": "/admin/messaging/message/",
        "subscription": "/admin/billing/subscription/add/",
        "settings": "/admin/settings/",
        "health": "/admin/health/",
        "audit": "/admin/audit/",
        "nothing found": "/admin/clients/client/?q=zzzzzz",
        "sign-in": "/admin/login/?next=/admin/",
    }
