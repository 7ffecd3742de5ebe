"""What people type into the office's forms, and what they are told."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.test import Client as Browser
from django.urls import reverse

from billing.models import Plan, Subscription
from billing.testing import make_plan, make_subscription
from clients.models import Client, Tenant
from clients.testing import make_client, sign_in
from meters.models import Installation, Meter, Site
from meters.testing import make_meter, make_metering_point, make_site

CNPJ = "11.222.333/0001-81"


def inline(name: str, *rows: dict[str, object]) -> dict[str, object]:
    """The fields of an inline form set with these new rows."""
    found: dict[str, object] = {f"{name}-TOTAL_FORMS": len(rows), f"{name}-INITIAL_FORMS": 0}
    for position, row in enumerate(rows):
        found |= {f"{name}-{position}-{field}": value for field, value in row.items()}
    return found


def add(browser: Browser, model: type, **fields: object) -> str:
    """Send a form; the page that follows."""
    link = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
    answer = browser.post(link, fields, follow=True, headers={"accept-language": "en"})
    assert answer.status_code == 200
    return answer.content.decode()


def add_client(browser: Browser, *points: dict[str, object], **fields: object) -> str:
    return add(browser, Client, **fields, **inline("contact_points", *points))


def test_numbers_are_typed_with_their_punctuation(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    link = reverse("admin:clients_client_add")

    form = browser.get(link).context["adminform"].form
    add_client(browser, name="Clara", document=CNPJ, postal_code="13201-000")

    client = Client.objects.get(name="Clara")
    assert form["document"].field.widget.attrs["maxlength"] == "20"
    assert (client.document, client.postal_code) == ("11222333000181", "13201000")


def test_a_saved_client_is_linked_by_its_page(acacia: Tenant) -> None:
    page = add_client(sign_in(acacia), name="Clara")

    client = Client.objects.get(name="Clara")
    link = reverse("admin:clients_client_change", args=[client.public_id])
    assert f'<a href="{link}">Clara</a>' in page


def test_what_another_has_is_said_in_a_sentence(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    make_client(tenant=acacia, document="11222333000181")
    make_plan(tenant=acacia, name="Home")
    make_meter(tenant=acacia, serial="SN-1")

    client = add_client(browser, name="Clara", document=CNPJ)
    plan = add(browser, Plan, name="Home", fixed_cents="1", price_per_kwh="0", due_days=1)
    meter = add(browser, Meter, serial="SN-1", kind="energy", sample_seconds=900)

    assert "Another client has this CPF or CNPJ." in client
    assert "Another plan has this name." in plan
    assert "Another meter has this serial number." in meter


def test_a_contact_line_left_empty_is_none(acacia: Tenant) -> None:
    add_client(sign_in(acacia), {"kind": "email", "value": "", "label": ""}, name="Clara")

    assert Client.objects.get(name="Clara").contact_points.count() == 0


def test_a_contact_that_is_there_twice_is_shown(acacia: Tenant) -> None:
    phone: dict[str, object] = {"kind": "phone", "value": "(11) 98765-4321"}

    page = add_client(sign_in(acacia), phone, phone | {"value": "11987654321"}, name="Clara")

    assert "This is here twice." in page
    assert not Client.objects.filter(name="Clara").exists()


def test_the_same_client_is_saved_again(acacia: Tenant) -> None:
    client = make_client(tenant=acacia, name="Clara", document="11222333000181")
    link = reverse("admin:clients_client_change", args=[client.public_id])

    fields = {"name": "Clara Luz", "document": CNPJ, **inline("contact_points")}
    answer = sign_in(acacia).post(link, fields)

    client.refresh_from_db()
    assert (answer.status_code, client.name) == (302, "Clara Luz")


def test_a_new_subscription_does_not_take_a_point_that_is_paid_for(acacia: Tenant) -> None:
    point = make_metering_point(tenant=acacia)
    make_subscription(tenant=acacia, client=point.site.client, points=[point])
    other, plan = make_client(tenant=acacia), make_plan(tenant=acacia, name="Other")
    before = Subscription.objects.count()

    page = add(
        sign_in(acacia),
        Subscription,
        client=other.pk,
        plan=plan.pk,
        starts_on="2026-10-01",
        anchor_day=1,
        **inline("points", {"metering_point": point.pk}),
    )

    assert "Another subscription already pays for this point." in page
    assert Subscription.objects.count() == before


def test_a_new_subscription_has_its_points(acacia: Tenant) -> None:
    point, plan = make_metering_point(tenant=acacia), make_plan(tenant=acacia)

    add(
        sign_in(acacia),
        Subscription,
        client=point.site.client.pk,
        plan=plan.pk,
        starts_on="2026-10-01",
        anchor_day=1,
        **inline("points", {"metering_point": point.pk}),
    )

    assert [row.metering_point for row in Subscription.objects.get().points.all()] == [point]


def test_a_key_is_called_in_the_readers_language(acacia: Tenant) -> None:
    make_site(tenant=acacia)
    link = reverse(f"admin:{Site._meta.app_label}_site_add")

    form = sign_in(acacia).get(link, headers={"accept-language": "pt-br"}).context["adminform"].form

    assert form["client"].label == "Cliente"


def test_points_are_chosen_by_client_site_and_name(acacia: Tenant) -> None:
    client = make_client(tenant=acacia, name="Clara")
    point = make_metering_point(tenant=acacia, site=make_site(tenant=acacia, client=client))
    asked = {
        "app_label": "billing",
        "model_name": "subscriptionpoint",
        "field_name": "metering_point",
        "term": "Entrada",
    }

    answer = sign_in(acacia).get(reverse("admin:autocomplete"), asked)

    assert [row["text"] for row in answer.json()["results"]] == ["Clara · Casa · Entrada"]
    assert point.name == "Entrada"


def test_a_meter_may_have_been_put_up_in_the_past(acacia: Tenant) -> None:
    meter, point = make_meter(tenant=acacia), make_metering_point(tenant=acacia)
    link = reverse("admin:meters_meter_install", args=[meter.public_id])

    said = {"metering_point": point.pk, "since": "2026-03-01T08:30", "multiplier": "1"}
    sign_in(acacia).post(link, {"_form_submitted": "True", **said})

    at = datetime(2026, 3, 1, 8, 30, tzinfo=ZoneInfo(acacia.time_zone))
    assert Installation.objects.get(meter=meter).starts_at == at


def test_a_point_that_was_chosen_is_named_by_client_and_site(acacia: Tenant) -> None:
    client = make_client(tenant=acacia, name="Clara")
    point = make_metering_point(tenant=acacia, site=make_site(tenant=acacia, client=client))
    row = make_subscription(tenant=acacia, points=[point])
    link = reverse("admin:billing_subscription_change", args=[row.public_id])

    assert "Clara · Casa · Entrada" in sign_in(acacia).get(link).content.decode()
