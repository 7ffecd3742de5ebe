from __future__ import annotations

from datetime import date
from decimal import Decimal

from billing.models import HeldInvoice
from billing.services.runs import run_billing
from billing.testing import JANUARY, NOON, make_account, make_plan, make_subscription
from billing.tests.energy import make_point, use_energy
from clients.models import Tenant
from clients.testing import sign_in
from meters.models import DayTotal


def test_who_decides_sees_the_month_the_use_and_how_much_of_it_is_known(acacia: Tenant) -> None:
    make_account(tenant=acacia)
    point = make_point(tenant=acacia)
    use_energy(point, JANUARY, wh=100_000, percent=50)
    plan = make_plan(tenant=acacia, fixed_cents=0, price_per_kwh=Decimal("0.9"))
    make_subscription(tenant=acacia, plan=plan, points=[point])
    run_billing(acacia.pk, JANUARY, now=NOON)
    held = HeldInvoice.objects.get()

    page = sign_in(acacia).get(
        f"/admin/billing/heldinvoice/{held.public_id}/change/", headers={"accept-language": "en"}
    )

    text = page.content.decode().replace("\xa0", " ")
    assert "Energia · Board 1: 100 kWh · 50.0% of the data" in text
    assert str(held.subscription.client) in text
    assert "Jan 2026" in text
    assert "Board 1: incomplete from 1 Jan to 31 Jan" in text


def test_who_decides_sees_which_days_lack_data(acacia: Tenant) -> None:
    make_account(tenant=acacia)
    point, other = make_point(tenant=acacia), make_point(tenant=acacia)
    use_energy(point, JANUARY, wh=100_000)
    use_energy(other, JANUARY, wh=100_000)
    gone = [date(2026, 1, day) for day in (3, 4, 5, 9)]
    DayTotal.objects.filter(meter__installations__metering_point=point, day__in=gone).delete()
    plan = make_plan(tenant=acacia, fixed_cents=0, price_per_kwh=Decimal("0.9"))
    make_subscription(tenant=acacia, plan=plan, points=[point, other])
    run_billing(acacia.pk, JANUARY, now=NOON)
    held = HeldInvoice.objects.get()

    page = sign_in(acacia).get(
        f"/admin/billing/heldinvoice/{held.public_id}/change/", headers={"accept-language": "en"}
    )

    text = page.content.decode().replace("\xa0", " ")
    assert f"{point}: no data from 3 Jan to 5 Jan, on 9 Jan" in text
    assert f"{other}: no data" not in text
