"""Invoices: the list with its sums, and the page of one."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from billing.admin.dialogs import BillDialog, PaidDialog, VoidDialog, billed_month
from billing.admin.notice import NAMES, newest_status
from billing.gateways.pix import qr_svg
from billing.models import Invoice, InvoiceStatus, PaymentMethod
from billing.services.documents import invoice_pdf, payable_code
from billing.services.invoices import void_invoice
from billing.services.payments import mark_paid
from billing.services.runs import start_billing
from clients.kernel import show, when
from clients.kernel.admin import office_page
from clients.kernel.chips import chip, look
from clients.kernel.detail import DetailAdmin
from clients.kernel.files import attachment
from clients.kernel.filters import AmountFilter
from clients.kernel.listing import Card, state_cards
from clients.kernel.listing import Sum as Total
from clients.kernel.money import Money
from clients.kernel.tenancy import actor_label
from clients.kernel.verbs import verb

look("overdue", "bad", "error")
look("issued", "plain", "schedule")
look("paid", "good", "check_circle")
look("void", "plain", "cancel")
STATES = (
    ("", pgettext_lazy("invoices", "All")),
    ("overdue", pgettext_lazy("invoices", "Overdue")),
    ("issued", gettext_lazy("To be paid")),
    ("paid", pgettext_lazy("invoices", "Paid")),
)
OVERDUE = gettext_lazy("Overdue")
LONGEST_NUMBER = 18  # digits of a bigint


class SituationFilter(SimpleListFilter):
    """Shown as the row of cards above the list; the sheet shows it too."""

    title = gettext_lazy("Situation")
    parameter_name = "situation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*STATES[1:], ("void", gettext_lazy("Cancelled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        today = timezone.localdate()
        choice = {
            "overdue": Q(status=InvoiceStatus.ISSUED, due_on__lt=today),
            "issued": Q(status=InvoiceStatus.ISSUED, due_on__gte=today),
            "paid": Q(status=InvoiceStatus.PAID),
            "void": Q(status=InvoiceStatus.VOID),
        }.get(self.value() or "")
        return queryset.filter(choice) if choice else queryset


class InvoiceAmountFilter(AmountFilter):
    column = "total_cents"


def state_of(invoice: Invoice) -> tuple[str, str]:
    """The code and the word of an invoice's one coloured chip."""
    if invoice.is_overdue(timezone.localdate()):
        return "overdue", str(OVERDUE)
    return invoice.status, str(invoice.get_status_display())


@office_page(Invoice)
class InvoiceAdmin(DetailAdmin):
    list_display = ("subject", "who", "reference", "due", "situation", "notice", "amount")
    list_select_related = ("client",)
    list_filter = [SituationFilter, ("due_on", RangeDateFilter), InvoiceAmountFilter]
    search_fields = ("client__name",)
    search_help_text = gettext_lazy("Invoice number or client")
    ordering = ("-number",)
    head_template = "billing/admin/invoice_head.html"
    overview_template = "billing/admin/invoice_overview.html"
    overview_slug = "fatura"
    overview_title = gettext_lazy("Invoice")
    has_form = False
    actions_list = ("bill",)
    actions_detail = ("mark_paid", {"title": gettext_lazy("More"), "items": ["void"]})
    empty_icon = "receipt_long"
    empty_title = gettext_lazy("Invoices will be here")
    empty_text = gettext_lazy("Give clients a plan, then bill a month. Nothing is sent unseen.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # what is issued does not change; verbs cancel or settle it

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        return with_notice(super().get_queryset(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Invoice], search_term: str
    ) -> tuple[QuerySet[Invoice], bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        return queryset.filter(named(text)), False

    def list_cards(self, request: HttpRequest, cl: ChangeList) -> list[Card]:
        today = timezone.localdate()
        late = Q(status=InvoiceStatus.ISSUED, due_on__lt=today)
        parts = {
            "overdue": late,
            "issued": Q(status=InvoiceStatus.ISSUED, due_on__gte=today),
            "paid": Q(status=InvoiceStatus.PAID),
        }
        whole = plain(cl.get_queryset(request, exclude_parameters=["situation"]))
        sums = whole.aggregate(
            **{f"n_{code}": Count("pk", filter=part) for code, part in parts.items()},
            **{f"c_{code}": Sum("total_cents", filter=part) for code, part in parts.items()},
        )
        counts = {code: sums[f"n_{code}"] for code in parts}
        cents = {code: sums[f"c_{code}"] or 0 for code in parts}
        return state_cards(cl, "situation", STATES, counts, cents, currency(request))

    def list_sums(self, request: HttpRequest, cl: ChangeList) -> list[Total]:
        live = plain(cl.queryset).exclude(status=InvoiceStatus.VOID)
        sums = live.aggregate(n=Count("pk"), issued=Sum("total_cents"), paid=Sum("paid_cents"))
        issued, paid = sums["issued"] or 0, sums["paid"] or 0
        unit = currency(request)
        return [
            Total(_("invoices"), show.number(sums["n"])),
            Total(_("issued"), show.money(issued, unit)),
            Total(_("received"), show.money(paid, unit), "p-good"),
            Total(_("missing"), show.money(issued - paid, unit)),
        ]

    @display(description=gettext_lazy("Invoice"), ordering="number")
    def subject(self, invoice: Invoice) -> str:
        return invoice.label

    @display(description=gettext_lazy("Client"), ordering="client__name")
    def who(self, invoice: Invoice) -> str:
        link = reverse("admin:clients_client_change", args=[invoice.client.public_id])
        return format_html('<a class="p-link" href="{}">{}</a>', link, invoice.client.name)

    @display(description=gettext_lazy("Reference"), ordering="period_start")
    def reference(self, invoice: Invoice) -> str:
        return when.month(timezone.localtime(invoice.period_start).date())

    @display(description=gettext_lazy("Due"), ordering="due_on")
    def due(self, invoice: Invoice) -> str:
        note = when.due(invoice.due_on) if invoice.status == InvoiceStatus.ISSUED else ""
        tone = "p-bad" if state_of(invoice)[0] == "overdue" else ""
        two = '<span class="p-two"><span>{}</span><small class="{}">{}</small></span>'
        return format_html(two, when.day(invoice.due_on), tone, note)

    @display(description=gettext_lazy("Situation"), ordering="status")
    def situation(self, invoice: Invoice) -> str:
        return chip(*state_of(invoice))

    @display(description=gettext_lazy("Notice"))
    def notice(self, invoice: Any) -> str:
        return notice_chip(invoice.notice_status)

    @display(description=gettext_lazy("Amount"), ordering="total_cents")
    def amount(self, invoice: Invoice) -> str:
        text = show.money(invoice.total_cents, invoice.currency)
        return format_html('<span class="p-num">{}</span>', text)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Only an invoice that is open is settled or cancelled."""
        invoice = self.get_object(request, str(object_id))
        if invoice is None or invoice.status != InvoiceStatus.ISSUED:
            return []
        shown: list[Any] = super().get_actions_detail(request, object_id)
        return shown

    def page_context(self, request: HttpRequest, subject: Any) -> dict[str, Any]:
        state, word = state_of(subject)
        code = payable_code(subject)  # what is still open, not what was issued
        return {
            "title": _("Invoice %(number)s") % {"number": subject.label},
            "state": state,
            "state_name": word,
            "is_open": subject.status == InvoiceStatus.ISSUED,
            "is_late": state == "overdue",
            "lines": list(subject.lines.select_related("metering_point").order_by("position")),
            "payments": list(subject.payments.order_by("-received_at")),
            "code": code,
            "qr": qr_svg(code) if code else "",
            "last_day": timezone.localtime(subject.period_end - timedelta(seconds=1)),
        }

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.pdf_view)
        mine = path("<uuid:object_id>/invoice.pdf", view, name="billing_invoice_pdf")
        return [mine, *super().get_urls()]

    def pdf_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The invoice as it is handed out; made when first asked for."""
        invoice = self.row(request, str(object_id))
        return attachment(invoice_pdf(invoice, now=timezone.now()))

    @verb(
        gettext_lazy("Record payment"),
        icon="payments",
        title=gettext_lazy("Record a payment"),
        text=gettext_lazy("For money that came outside Pix. Pix confirms itself."),
        submit=gettext_lazy("Record payment"),
        form=PaidDialog,
        variant=ActionVariant.PRIMARY,
    )
    def mark_paid(self, request: HttpRequest, form: Any, invoice: Invoice) -> str:
        filled = form.cleaned_data
        noon = datetime.combine(filled["received_on"], time(12))
        now = timezone.now()
        mark_paid(
            invoice,
            Money(filled["amount"], invoice.currency),
            method=PaymentMethod(filled["method"]),
            received_at=min(timezone.make_aware(noon), now),
            note=filled["note"],
        )
        amount = show.money(filled["amount"], invoice.currency)
        return _("%(amount)s recorded for invoice %(number)s.") % {
            "amount": amount,
            "number": invoice.label,
        }

    @verb(
        gettext_lazy("Cancel invoice"),
        icon="cancel",
        title=gettext_lazy("Cancel this invoice?"),
        text=gettext_lazy(
            "It can no longer be paid, and its number stays taken. There is no way back."
        ),
        submit=gettext_lazy("Cancel the invoice"),
        form=VoidDialog,
        variant=ActionVariant.DANGER,
    )
    def void(self, request: HttpRequest, form: Any, invoice: Invoice) -> str:
        void_invoice(invoice, now=timezone.now(), reason=form.cleaned_data["reason"])
        return _("Invoice %(number)s is cancelled.") % {"number": invoice.label}

    @verb(
        gettext_lazy("Bill a month"),
        icon="play_arrow",
        title=gettext_lazy("Bill a month"),
        text=gettext_lazy("Every subscription is billed once; what was billed stays as it is."),
        submit=gettext_lazy("Bill now"),
        form=BillDialog,
        variant=ActionVariant.PRIMARY,
    )
    def bill(self, request: HttpRequest, form: Any) -> str:
        period = billed_month(form.cleaned_data["month"])
        start_billing(period, now=timezone.now(), started_by=actor_label())
        return _("Billing has started. You may leave this page; the invoices appear here.")


def named(text: str) -> Q:
    """Invoices of a client called so, or with this number."""
    match = Q(client__name__icontains=text)
    if text.isdecimal() and len(text) <= LONGEST_NUMBER:
        match |= Q(number=int(text))
    return match


def plain(invoices: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows without what a list adds, for sums."""
    return Invoice.objects.filter(pk__in=invoices.order_by().values("pk"))


def currency(request: Any) -> str:
    return str(request.tenant.currency)


def with_notice(invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """The same invoices with how far their newest message got."""
    return invoices.annotate(notice_status=newest_status())


def notice_chip(status: str | None) -> str:
    code = status or "none"
    return chip(code, str(NAMES[code]), quiet=True)
