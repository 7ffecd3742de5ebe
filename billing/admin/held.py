"""Held invoices: periods that were not billed silently, because their data is not complete."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from billing.admin.dialogs import DecideDialog
from billing.models import Decision, HeldInvoice
from billing.services.held import drop_held, issue_held
from clients.kernel import show, when
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip, look
from clients.kernel.listing import Card, state_cards
from clients.kernel.tenancy import actor_label
from clients.kernel.verbs import verb
from meters.selectors.lacking import Lacking, lacking_days

look("waiting", "warn", "hourglass_empty")
look("dropped", "plain", "block")
TENTH = Decimal("0.1")
MOST_RUNS = 8
STATES = [("", gettext_lazy("All")), *Decision.choices]


@office_page(HeldInvoice)
class HeldAdmin(TenantAdmin):
    list_display = ("subject", "who", "reference", "reason", "situation", "amount")
    list_select_related = ("subscription__client", "subscription__plan")
    list_filter = ["decision"]
    search_fields = ("subscription__client__name",)
    search_help_text = gettext_lazy("Client")
    fields = (
        *("who", "subject", "reference", "reason", "measured", "lacking", "amount_"),
        *("held_at", "decision", "decided_by", "note"),
    )
    readonly_fields = fields
    actions_detail = ("issue", "drop")
    settings_icon = "rule"
    settings_text = gettext_lazy("Periods that wait for better data or for a decision")
    empty_icon = "task_alt"
    empty_title = gettext_lazy("Nothing waits")
    empty_text = gettext_lazy("Every period had enough data to be billed.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def list_cards(self, request: HttpRequest, cl: ChangeList) -> list[Card]:
        whole = cl.get_queryset(request, exclude_parameters=["decision__exact"])
        rows = whole.order_by().values("decision").annotate(n=Count("pk"))
        counts = {row["decision"]: row["n"] for row in rows}
        return state_cards(cl, "decision__exact", STATES, counts)

    @display(description=gettext_lazy("Plan"))
    def subject(self, held: HeldInvoice) -> str:
        return str(held.subscription.plan)

    @display(description=gettext_lazy("Client"))
    def who(self, held: HeldInvoice) -> str:
        return str(held.subscription.client)

    @display(description=gettext_lazy("Reference"), ordering="period_start")
    def reference(self, held: HeldInvoice) -> str:
        return when.month(timezone.localtime(held.period_start).date())

    @display(description=gettext_lazy("Situation"), ordering="decision")
    def situation(self, held: HeldInvoice) -> str:
        return chip(held.decision, str(held.get_decision_display()))

    @display(description=gettext_lazy("Amount so far"))
    def amount(self, held: HeldInvoice) -> str:
        text = show.money(held.total_cents, held.currency)
        return format_html('<span class="p-num">{}</span>', text)

    @display(description=gettext_lazy("Measured"))
    def measured(self, held: HeldInvoice) -> str:
        """What each point used as far as is known, and how much of the period that is."""
        return format_html_join(
            mark_safe("<br>"),
            "{}: {} · {}",
            (
                (
                    point["description"],
                    show.energy(point["energy_wh"]),
                    _("%(share)s of the data") % {"share": show.percent(_share(point), 1)},
                )
                for point in held.detail.get("points", [])
            ),
        )

    @display(description=gettext_lazy("What is missing"))
    def lacking(self, held: HeldInvoice) -> str:
        """Which metering point lacks which days, as it is known now."""
        points = list(held.subscription.points.values_list("metering_point_id", flat=True))
        lines = ((str(each.point), _days(each)) for each in lacking_days(points, held.period))
        return format_html_join(mark_safe("<br>"), "{}: {}", lines) or "—"

    @display(description=gettext_lazy("Amount so far"))
    def amount_(self, held: HeldInvoice) -> str:
        return show.money(held.total_cents, held.currency)

    @verb(
        gettext_lazy("Bill what was measured"),
        icon="check",
        title=gettext_lazy("Bill what was measured?"),
        text=gettext_lazy("An invoice is issued with the data that is there now."),
        submit=gettext_lazy("Issue the invoice"),
        form=DecideDialog,
        variant=ActionVariant.PRIMARY,
    )
    def issue(self, request: HttpRequest, form: Any, held: HeldInvoice) -> str:
        note, who = form.cleaned_data["note"], actor_label()
        invoice = issue_held(held, now=timezone.now(), note=note, decided_by=who)
        return _("Invoice %(number)s is issued.") % {"number": invoice.label}

    @verb(
        gettext_lazy("Do not bill"),
        icon="block",
        title=gettext_lazy("Leave this period unbilled?"),
        text=gettext_lazy("The period is not billed, now or later."),
        submit=gettext_lazy("Do not bill"),
        form=DecideDialog,
    )
    def drop(self, request: HttpRequest, form: Any, held: HeldInvoice) -> str:
        note = form.cleaned_data["note"]
        drop_held(held, now=timezone.now(), note=note, decided_by=actor_label())
        return _("The period stays unbilled.")


def _share(point: dict[str, Any]) -> Decimal:
    """Rounded down: what is not complete must not look so."""
    return Decimal(point["completeness_percent"]).quantize(TENTH, ROUND_DOWN) / 100


def _days(each: Lacking) -> str:
    """`sem dados de 3 nov a 7 nov; incompleto em 12 nov`."""
    if not each.is_installed:
        return _("no meter was installed")
    said = []
    if each.missing:
        said.append(_("no data %(days)s") % {"days": _runs(each.missing)})
    if each.partly:
        said.append(_("incomplete %(days)s") % {"days": _runs(each.partly)})
    return "; ".join(said)


def _runs(runs: Sequence[tuple[date, date]]) -> str:
    said = [
        _("on %(day)s") % {"day": when.day(first)}
        if first == last
        else _("from %(first)s to %(last)s") % {"first": when.day(first), "last": when.day(last)}
        for first, last in runs[:MOST_RUNS]
    ]
    if len(runs) > MOST_RUNS:
        said.append(_("and %(n)d more") % {"n": len(runs) - MOST_RUNS})
    return ", ".join(said)
