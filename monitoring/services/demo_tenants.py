"""Two demonstration companies with different trades, to click on and to run the main path with.

People, companies and documents are invented (the documents' check digits are right); prices are
illustrative; the measurements are real (`meters/data/`). Safe to load twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from billing.models import Plan, Subscription, SubscriptionPoint
from billing.services.accounts import open_demo_account
from clients.kernel.attribution import because
from clients.kernel.periods import day_start, month_of
from clients.kernel.tenancy import across_tenants, acting_for
from clients.models import Client, ContactPoint, Membership, Role, Tenant, Trade, User
from messaging.services.accounts import open_demo_accounts
from meters.models import Meter, MeteringPoint, Site
from meters.models.site import MeterKind
from meters.services.installations import install_meter
from monitoring.services.demo_series import household_period

PASSWORD: Final = "pulso-demo"  # noqa: S105 - printed; never loaded in production
REASON: Final = "demonstration"
INVENTED: Final = "Cliente inventado, para demonstração."
ILLUSTRATIVE: Final = "Preço ilustrativo, para demonstração; não vem de ato tarifário."
WATER_AND_SUN_DAYS: Final = 112

ENERGY, WATER = "energia-certa", "aguas-da-serra"
HOUSE, MAIN, SUN = "CASA-0001", "ADUTORA-0001", "SOLAR-0001"


@dataclass(frozen=True, slots=True)
class SignIn:
    """A person who can sign in to try a role."""

    email: str
    name: str
    role: str
    company: str
    password: str = PASSWORD


PEOPLE: Final[dict[str, Sequence[SignIn]]] = {
    ENERGY: (
        SignIn("marina@energia-certa.example", "Marina Prado", Role.OWNER, "Energia Certa"),
        SignIn("otavio@energia-certa.example", "Otávio Lins", Role.OPERATOR, "Energia Certa"),
        SignIn("vera@energia-certa.example", "Vera Antunes", Role.VIEWER, "Energia Certa"),
    ),
    WATER: (
        SignIn("helena@aguas-da-serra.example", "Helena Couto", Role.OWNER, "Águas da Serra"),
        SignIn("igor@aguas-da-serra.example", "Igor Sales", Role.OPERATOR, "Águas da Serra"),
        SignIn("nair@aguas-da-serra.example", "Nair Bastos", Role.VIEWER, "Águas da Serra"),
    ),
}
COMPANIES: Final[dict[str, dict[str, Any]]] = {
    ENERGY: {
        "name": "Energia Certa",
        "legal_name": "Energia Certa Monitoramento Ltda. (demonstração)",
        "trade": Trade.ENERGY,
        "document": "48291503000190",
        "address": "Rua das Palmeiras, 120",
        "city": "Jundiaí",
        "state": "SP",
    },
    WATER: {
        "name": "Águas da Serra",
        "legal_name": "Águas da Serra Serviços Ltda. (demonstração)",
        "trade": Trade.PLANS,
        "document": "73160482000110",
        "address": "Estrada do Mirante, 8",
        "city": "Nova Friburgo",
        "state": "RJ",
    },
}


@dataclass(frozen=True, slots=True)
class Invented:
    """A client who does not exist."""

    name: str
    document: str
    phone: str
    email: str
    city: str
    plan: str


HOUSEHOLD: Final = Invented(
    "Casa Bernardes", "31840295732", "+5511940022101", "casa@bernardes.example", "Jundiaí", ""
)
TOWN: Final = Invented(
    "Condomínio Alto da Serra",
    "60412795000177",
    "+5522940022301",
    "sindico@altodaserra.example",
    "Nova Friburgo",
    "",
)
CLIENTS: Final[dict[str, Sequence[Invented]]] = {
    ENERGY: (
        Invented(
            "Padaria Trigo Bom",
            "29587316000103",
            "+5511940022102",
            "contas@trigobom.example",
            "Jundiaí",
            "Monitoramento",
        ),
        Invented(
            "Mercado São Benedito",
            "15830649000107",
            "+5511940022103",
            "financeiro@saobenedito.example",
            "Várzea Paulista",
            "Monitoramento",
        ),
        Invented(
            "Lavanderia Água Clara",
            "91725384000165",
            "+5511940022105",
            "oi@aguaclara.example",
            "Jundiaí",
            "Monitoramento essencial",
        ),
        Invented(
            "Rosana Teles",
            "50719382602",
            "+5511940022106",
            "rosana.teles@correio.example",
            "Louveira",
            "Monitoramento essencial",
        ),
        Invented(
            "Davi Moura",
            "64287013590",
            "+5511940022107",
            "davi.moura@correio.example",
            "Jundiaí",
            "Monitoramento essencial",
        ),
    ),
    WATER: (
        Invented(
            "Pousada Beira Rio",
            "",
            "+5522940022302",
            "reservas@beirario.example",
            "Nova Friburgo",
            "Assinatura mensal",
        ),
        Invented(
            "Célia Ramos",
            "29503641870",
            "+5522940022303",
            "celia.ramos@correio.example",
            "Nova Friburgo",
            "Assinatura mensal",
        ),
    ),
}
PLANS: Final[dict[str, Sequence[tuple[str, int, str]]]] = {
    ENERGY: (
        ("Energia por consumo", 1990, "0.92"),
        ("Monitoramento", 8990, "0"),
        ("Monitoramento essencial", 4990, "0"),
    ),
    WATER: (("Assinatura mensal", 6500, "0"),),
}


def load_demo(*, now: datetime) -> list[SignIn]:
    """Both companies with everything in them; returns who can sign in. Safe to call twice."""
    with because(REASON):
        for slug, company in COMPANIES.items():
            tenant = open_company(slug, company)
            with acting_for(tenant.pk):
                fill(tenant, now=now)
    return [person for people in PEOPLE.values() for person in people]


def open_company(slug: str, company: dict[str, Any]) -> Tenant:
    """The tenant and its people, made by the platform's own role the first time."""
    with across_tenants():
        tenant, _ = Tenant.objects.get_or_create(slug=slug, defaults={**company, "is_demo": True})
        for person in PEOPLE[slug]:
            user = User.objects.filter(email=person.email).first()
            if user is None:
                user = User(email=person.email, name=person.name, language="pt-br")
                user.set_password(person.password)
                user.save()
            Membership.objects.get_or_create(
                tenant=tenant, user=user, defaults={"role": person.role}
            )
    return tenant


def fill(tenant: Tenant, *, now: datetime) -> None:
    """Accounts at the simulators, plans, clients, and what is measured."""
    open_demo_accounts(tenant)
    open_demo_account()
    plans = {
        name: Plan.objects.get_or_create(
            name=name,
            defaults={
                "fixed_cents": cents,
                "price_per_kwh": Decimal(price),
                "description": ILLUSTRATIVE,
            },
        )[0]
        for name, cents, price in PLANS[tenant.slug]
    }
    since = month_of(began_on(tenant) - timedelta(days=62), tenant.zone).start
    for invented in CLIENTS[tenant.slug]:
        client = make_invented(invented)
        subscribe(client, plans[invented.plan], starts_on=since.astimezone(tenant.zone).date())
    if tenant.slug == ENERGY:
        fill_energy(tenant, plans["Energia por consumo"])
    else:
        fill_water(tenant)


def fill_energy(tenant: Tenant, plan: Plan) -> None:
    """The household: two measured days, and a subscription for exactly these."""
    period = household_period(tenant.zone, began_on(tenant))
    point = measured(
        make_invented(HOUSEHOLD),
        site="Casa",
        point="Entrada",
        serial=HOUSE,
        model="Medidor de potência, amostra por minuto",
        kind=MeterKind.ENERGY,
        sample_seconds=60,
        since=period.start,
    )
    first, last = (each.astimezone(tenant.zone).date() for each in (period.start, period.end))
    subscription = subscribe(point.site.client, plan, starts_on=first, ends_on=last)
    SubscriptionPoint.objects.get_or_create(subscription=subscription, metering_point=point)


def fill_water(tenant: Tenant) -> None:
    """The water main and the photovoltaic system of one client."""
    client = make_invented(TOWN)
    since = day_start(began_on(tenant) - timedelta(days=WATER_AND_SUN_DAYS), tenant.zone)
    measured(
        client,
        site="Adutora do Mirante",
        point="Vazão da adutora",
        serial=MAIN,
        model="Medidor de vazão, amostra por hora",
        kind=MeterKind.WATER,
        sample_seconds=3600,
        since=since,
    )
    measured(
        client,
        site="Telhado do reservatório",
        point="Geração solar",
        serial=SUN,
        model="Inversor, amostra a cada 15 minutos",
        kind=MeterKind.SOLAR,
        sample_seconds=900,
        since=since,
    )


def measured(
    client: Client,
    *,
    site: str,
    point: str,
    serial: str,
    model: str,
    kind: str,
    sample_seconds: int,
    since: datetime,
) -> MeteringPoint:
    """A point of the client with a meter that has served it since `since`."""
    place, _ = Site.objects.get_or_create(client=client, name=site, defaults={"city": client.city})
    where, _ = MeteringPoint.objects.get_or_create(site=place, name=point, defaults={"kind": kind})
    meter, is_new = Meter.objects.get_or_create(
        serial=serial,
        defaults={"model": model, "kind": kind, "sample_seconds": sample_seconds},
    )
    if is_new:
        install_meter(meter, where, at=since)
    return where


def make_invented(invented: Invented) -> Client:
    """The client, found by name the second time."""
    client = Client.objects.filter(name=invented.name).first()
    if client is not None:
        return client
    client = Client(
        name=invented.name,
        document=invented.document,
        city=invented.city,
        notes=INVENTED,
        kind="company" if len(invented.document) != len(HOUSEHOLD.document) else "person",
    )
    client.full_clean(exclude=["tenant"])
    client.save()
    for kind, value in (("phone", invented.phone), ("email", invented.email)):
        ContactPoint.objects.create(client=client, kind=kind, value=value)
    return client


def subscribe(
    client: Client, plan: Plan, *, starts_on: date, ends_on: date | None = None
) -> Subscription:
    """The client's subscription of the plan; the same one the second time."""
    subscription, _ = Subscription.objects.get_or_create(
        client=client, plan=plan, defaults={"starts_on": starts_on, "ends_on": ends_on}
    )
    return subscription


def began_on(tenant: Tenant) -> date:
    """The tenant's first day. All that is measured is placed before it, in every later run."""
    return tenant.created_at.astimezone(tenant.zone).date()
