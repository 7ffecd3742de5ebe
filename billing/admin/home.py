"""What billing adds to the home page: money received, money late, decisions that wait."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import Any

from django.db.models import Count, F, Min, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from billing.models import Decision, HeldInvoice, Invoice, Payment
from clients.kernel import show, when
from clients.kernel.panels import HOME, Entry, Figure, card, figures, timeline
from clients.kernel.periods import Period, day_start
from clients.kernel.work import Verb, WorkItem, work
from clients.models import Client, ClientStatus, Tenant

AGES = (
    (0, 7, gettext_lazy("up to 7 days")),
    (8, 30, gettext_lazy("8 to 30 days")),
    (31, 60, gettext_lazy("31 to 60 days")),
    (61, 100_000, gettext_lazy("more than 60 days")),
)


def owed(invoices: QuerySet[Invoice]) -> dict[str, Any]:
    return invoices.aggregate(
        n=Count("pk"),
        cents=Sum(F("total_cents") - F("paid_cents")),
        people=Count("client", distinct=True),
        oldest=Min("due_on"),
    )


def late_list() -> str:
    return f"{reverse('admin:billing_invoice_changelist')}?situation=overdue"


@work("billing.change_invoice")
def late(now: datetime) -> list[WorkItem]:
    """Overdue invoices, as one line."""
    found = owed(Invoice.objects.overdue(timezone.localdate(now)))
    if not found["n"]:
        return []
    money = show.money(found["cents"])
    title = ngettext(
        "%(n)d overdue invoice is worth %(money)s",
        "%(n)d overdue invoices add up to %(money)s",
        found["n"],
    ) % {"n": found["n"], "money": money}
    people = ngettext("%(n)d client.", "%(n)d clients.", found["people"]) % {"n": found["people"]}
    oldest = _("The oldest was due on %(day)s.") % {"day": when.day(found["oldest"])}
    since = day_start(found["oldest"] + timedelta(days=1), timezone.get_current_timezone())  # type: ignore[arg-type]
    verb = Verb(_("See the list"), late_list())
    detail = f"{people} {oldest}"
    return [WorkItem("late", "warning", "event_busy", title, detail, since, verb)]


@work("billing.change_heldinvoice")
def held(now: datetime) -> list[WorkItem]:
    """Periods that wait for a decision."""
    waiting = HeldInvoice.objects.filter(decision=Decision.WAITING)
    found = waiting.aggregate(n=Count("pk"), since=Min("held_at"), cents=Sum("total_cents"))
    if not found["n"]:
        return []
    title = ngettext(
        "%(n)d invoice waits for better data", "%(n)d invoices wait for better data", found["n"]
    ) % {"n": found["n"]}
    detail = _("What was measured so far comes to %(money)s.") % {
        "money": show.money(found["cents"])
    }
    link = f"{reverse('admin:billing_heldinvoice_changelist')}?decision__exact=waiting"
    return [
        WorkItem("held", "warning", "rule", title, detail, found["since"], Verb(_("Decide"), link))
    ]


@work("billing.change_payment")
def unmatched(now: datetime) -> list[WorkItem]:
    """Money that arrived for no invoice."""
    found = Payment.objects.filter(invoice=None).aggregate(
        n=Count("pk"), cents=Sum("amount_cents"), since=Min("received_at")
    )
    if not found["n"]:
        return []
    title = ngettext(
        "%(n)d payment came without an invoice: %(money)s",
        "%(n)d payments came without an invoice: %(money)s",
        found["n"],
    ) % {"n": found["n"], "money": show.money(found["cents"])}
    detail = _("Look who paid and why, then give it back or agree what it is for.")
    verb = Verb(_("See the payments"), reverse("admin:billing_payment_changelist"))
    return [WorkItem("unmatched", "warning", "link", title, detail, found["since"], verb)]


def received(period: Period) -> int:
    inside = Payment.objects.filter(received_at__gte=period.start, received_at__lt=period.end)
    return inside.aggregate(cents=Sum("amount_cents"))["cents"] or 0


def months(tenant: Tenant, now: datetime) -> tuple[date, date, date]:
    """Today, the first of this month and the first of the last one, in the tenant's zone."""
    today = timezone.localtime(now, tenant.zone).date()
    first = today.replace(day=1)
    return today, first, (first - timedelta(days=1)).replace(day=1)


@figures(HOME, order=10, permission="billing.view_invoice")
def money(request: HttpRequest, tenant: Tenant) -> list[Figure]:
    """Received this month against the same day of the last one, and what is late."""
    today, first, last_first = months(tenant, timezone.now())
    tomorrow = today + timedelta(days=1)
    this = received(Period(day_start(first, tenant.zone), day_start(tomorrow, tenant.zone)))
    same_day = min(last_first + timedelta(days=today.day), first)
    then = received(Period(day_start(last_first, tenant.zone), day_start(same_day, tenant.zone)))
    expected = (
        Invoice.objects.live()
        .filter(due_on__gte=first, due_on__lt=month_after(first))
        .aggregate(cents=Sum("total_cents"))["cents"]
        or 0
    )
    overdue = owed(Invoice.objects.overdue(today))
    month, last = when.long_month(first), when.long_month(last_first)
    return [
        Figure(
            _("Received in %(month)s") % {"month": month},
            show.money(this, tenant.currency),
            _("of %(money)s expected") % {"money": show.money(expected, tenant.currency)}
            if expected
            else "",
            reverse("admin:billing_payment_changelist"),
            (this - then) / then if then else None,
            _("than in %(month)s until day %(day)d") % {"month": last, "day": today.day},
            better=this >= then if then else None,
            share=min(this / expected, 1) if expected else None,
        ),
        Figure(
            pgettext("money", "Overdue"),
            show.money(overdue["cents"] or 0, tenant.currency),
            late_note(overdue),
            late_list(),
        ),
    ]


def late_note(overdue: dict[str, Any]) -> str:
    if not overdue["n"]:
        return _("nothing is late")
    invoices = ngettext("%(n)d invoice", "%(n)d invoices", overdue["n"]) % {"n": overdue["n"]}
    people = ngettext("%(n)d client", "%(n)d clients", overdue["people"]) % {"n": overdue["people"]}
    return _("%(invoices)s of %(people)s") % {"invoices": invoices, "people": people}


@figures(HOME, order=40, permission="clients.view_client")
def clients(request: HttpRequest, tenant: Tenant) -> list[Figure]:
    _today, first, _last = months(tenant, timezone.now())
    start = day_start(first, tenant.zone)
    active = Client.objects.filter(status=ClientStatus.ACTIVE).count()
    new = Client.objects.filter(created_at__gte=start).count()
    note = ngettext("%(n)d new this month", "%(n)d new this month", new) % {"n": new}
    link = f"{reverse('admin:clients_client_changelist')}?status__exact=active"
    return [Figure(_("Active clients"), show.number(active), note, link)]


def month_after(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


def by_day(first: date, after: date, tenant: Tenant) -> list[int]:
    """Cents received on each day of a month."""
    rows = Payment.objects.filter(
        received_at__gte=day_start(first, tenant.zone),
        received_at__lt=day_start(after, tenant.zone),
    )
    local = TruncDate("received_at", tzinfo=tenant.zone)
    sums = rows.order_by().annotate(day=local).values("day").annotate(cents=Sum("amount_cents"))
    found = {row["day"]: row["cents"] for row in sums}
    days = (after - first).days
    return [found.get(first + timedelta(days=n), 0) for n in range(days)]


@card(
    HOME,
    "cash",
    title=gettext_lazy("Received, day by day"),
    template="billing/panels/home_cash.html",
    order=10,
    permission="billing.view_invoice",
)
def cash(request: HttpRequest, tenant: Tenant) -> dict[str, Any]:
    """Received so far, the month before, and what is expected by due dates."""
    today, first, last_first = months(tenant, timezone.now())
    after = month_after(first)
    days = (after - first).days
    so_far = list(accumulate(by_day(first, after, tenant)))
    before = list(accumulate(by_day(last_first, first, tenant)))
    due = dict(
        Invoice.objects.live()
        .filter(due_on__gte=first, due_on__lt=after)
        .order_by()
        .values_list("due_on")
        .annotate(cents=Sum("total_cents"))
    )
    expected = list(accumulate(due.get(first + timedelta(days=n), 0) for n in range(days)))
    if not so_far[-1] and not before[-1] and not expected[-1]:
        return {"chart": None}
    chart = {
        "currency": tenant.currency,
        "days": [when.day(first + timedelta(days=n)) for n in range(days)],
        "now": [cents if n < today.day else None for n, cents in enumerate(so_far)],
        "before": [before[n] if n < len(before) else None for n in range(days)],
        "expected": expected,
        "now_name": when.long_month(first),
        "before_name": when.long_month(last_first),
    }
    return {"chart": chart, "now": when.long_month(first), "before": when.long_month(last_first)}


@card(
    HOME,
    "aging",
    title=gettext_lazy("Overdue, by age"),
    template="billing/panels/home_aging.html",
    order=20,
    permission="billing.view_invoice",
)
def aging(request: HttpRequest, tenant: Tenant) -> dict[str, Any]:
    today = timezone.localtime(timezone.now(), tenant.zone).date()
    rows = []
    for low, high, name in AGES:
        due = {"due_on__lte": today - timedelta(days=max(low, 1))}
        if high < AGES[-1][1]:
            due["due_on__gte"] = today - timedelta(days=high)
        found = owed(Invoice.objects.unpaid().filter(**due))
        rows.append({"name": name, "n": found["n"], "cents": found["cents"] or 0})
    most = max(row["cents"] for row in rows)
    total = sum(row["cents"] for row in rows)
    for row in rows:
        row["share"] = row["cents"] / most if most else 0
    return {"rows": rows, "total": total, "currency": tenant.currency, "link": late_list()}


@timeline(HOME, permission="billing.view_invoice")
def paid_lately(tenant: Tenant, limit: int) -> list[Entry]:
    payments = Payment.objects.select_related("client", "invoice").order_by("-received_at")[:limit]
    return [
        Entry(
            payment.received_at,
            "payments",
            _("paid %(money)s with %(method)s")
            % {
                "money": show.money(payment.amount_cents, payment.currency),
                "method": payment.get_method_display(),
            },
            who=payment.client.name if payment.client else _("Unknown payer"),
            link=reverse("admin:billing_invoice_change", args=[payment.invoice.public_id])
            if payment.invoice
            else "",
            kind="payment",
        )
        for payment in payments
    ]
