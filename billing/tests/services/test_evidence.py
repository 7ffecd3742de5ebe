from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from billing.models import Invoice
from billing.services.evidence import invoice_evidence, months_later
from billing.services.invoices import issue_invoice, void_invoice
from billing.services.payments import mark_paid
from billing.testing import make_plan, make_subscription
from clients.kernel.money import Money
from clients.kernel.periods import Period, month_of
from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.models import Change, Meter, Reading, Retention
from meters.services.intervals import recompute_all_touched
from meters.services.retention import keep_retention, retention_outlook
from meters.testing import keep_readings, make_meter, make_metering_point, register_rows

pytestmark = pytest.mark.commits
ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime.now(UTC)
MONTH = month_of((NOW.date().replace(day=1) - timedelta(days=290)), ZONE)
ISSUED = MONTH.end + timedelta(days=2)
EVER = Period(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
HOUR = timedelta(hours=1)


def settle(tenant: Tenant) -> None:
    """All is computed, and every follower has seen it."""
    recompute_all_touched(tenant.pk)
    with acting_for(tenant.pk):
        Change.objects.all().delete()


@pytest.fixture
def meter(acacia: Tenant) -> Meter:
    """A meter that was read all through the month, and before and after it."""
    with acting_for(acacia.pk):
        point = make_metering_point(tenant=acacia)
        found = make_meter(tenant=acacia, metering_point=point, serial="M1")
    start = MONTH.start - timedelta(days=40)
    hours = range(int((MONTH.end + timedelta(days=40) - start) / HOUR / 6))
    rows = register_rows(start, [100 * n for n in hours], every=6 * HOUR)
    keep_readings(found, rows, now=NOW)
    settle(acacia)
    return found


def billed(tenant: Tenant, meter: Meter) -> Invoice:
    point = meter.installations.get().metering_point
    subscription = make_subscription(
        tenant=tenant,
        client=point.site.client,
        plan=make_plan(tenant=tenant, price_per_kwh="1.00"),
        points=[point],
        starts_on=date(2020, 1, 1),
    )
    return issue_invoice(subscription, MONTH, now=ISSUED)


def test_an_issued_invoice_holds_the_readings_of_its_period(acacia: Tenant, meter: Meter) -> None:
    with acting_for(acacia.pk):
        invoice = billed(acacia, meter)
        [hold] = invoice_evidence(EVER, None, NOW)

    assert (hold.meter_id, hold.reason) == (meter.pk, f"Invoice {invoice.label}")
    assert (hold.starts_at, hold.ends_at) == (
        MONTH.start - timedelta(days=1),
        MONTH.end + timedelta(days=1),
    )
    assert (hold.since, hold.until) == (ISSUED, None)


def test_twelve_months_after_payment_the_hold_ends(acacia: Tenant, meter: Meter) -> None:
    with acting_for(acacia.pk):
        invoice = billed(acacia, meter)
        paid_at = ISSUED + timedelta(days=3)
        mark_paid(
            invoice,
            Money(invoice.total_cents, invoice.currency),
            method="cash",
            received_at=paid_at,
        )
        until = months_later(paid_at, 12)

        [hold] = invoice_evidence(EVER, None, until - HOUR)
        assert hold.until == until
        assert list(invoice_evidence(EVER, None, until + HOUR)) == []


def test_a_cancelled_invoice_holds_nothing(acacia: Tenant, meter: Meter) -> None:
    with acting_for(acacia.pk):
        void_invoice(billed(acacia, meter), now=NOW, reason="twice")

        assert list(invoice_evidence(EVER, None, NOW)) == []


def test_another_period_or_meter_is_not_held(acacia: Tenant, meter: Meter) -> None:
    with acting_for(acacia.pk):
        billed(acacia, meter)
        later = Period(MONTH.end + timedelta(days=2), MONTH.end + timedelta(days=3))

        assert list(invoice_evidence(later, None, NOW)) == []
        assert list(invoice_evidence(EVER, [meter.pk + 1], NOW)) == []


def test_retention_leaves_what_an_unpaid_invoice_rests_on(acacia: Tenant, meter: Meter) -> None:
    with acting_for(acacia.pk):
        invoice = billed(acacia, meter)
        setting, _ = Retention.objects.get_or_create(tenant=acacia)
        setting.keep_months = 6
        setting.save()
        outlook = retention_outlook(NOW)

    keep_retention(NOW)

    assert [hold.reason for hold in outlook.holds] == [f"Invoice {invoice.label}"]
    with acting_for(acacia.pk):
        instants = list(
            Reading.objects.filter(measured_at__lt=MONTH.end + timedelta(days=20))
            .order_by("measured_at")
            .values_list("measured_at", flat=True)
        )
    day = timedelta(days=1)
    assert instants[0] == MONTH.start - day
    held = [at for at in instants if at < MONTH.end + day]
    assert len(held) == (MONTH.end - MONTH.start + 2 * day) / (6 * HOUR)


@pytest.mark.parametrize(
    ("at", "months", "wanted"),
    [
        ("2024-02-29", 12, "2025-02-28"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-01-31", -2, "2025-11-30"),
        ("2026-12-15", 1, "2027-01-15"),
    ],
)
def test_so_many_months_later_is_the_same_day_or_the_months_last(
    at: str, months: int, wanted: str
) -> None:
    found = months_later(datetime.fromisoformat(f"{at}T10:00:00+00:00"), months)

    assert found == datetime.fromisoformat(f"{wanted}T10:00:00+00:00")
