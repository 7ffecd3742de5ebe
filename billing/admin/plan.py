"""Plans: what a service costs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from billing.models import Plan
from clients.kernel import show
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip
from clients.kernel.forms import MoneyField, TenantForm, parse_decimal


class PlanForm(TenantForm):
    """Prices as people write them."""

    fixed_cents = MoneyField(label=_("Fixed price a month"), minimum_cents=0)
    price_per_kwh = forms.CharField(
        label=_("Price per kWh"),
        initial="0",
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        help_text=_("All digits count: 0,92 or 0,91847."),
    )

    class Meta:
        model = Plan
        fields = ("name", "description", "fixed_cents", "price_per_kwh", "due_days", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: ModelForm's own arguments
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            places = max(2, -int(self.instance.price_per_kwh.normalize().as_tuple().exponent))
            self.initial["price_per_kwh"] = show.number(self.instance.price_per_kwh, places)

    def clean_price_per_kwh(self) -> Any:
        return parse_decimal(self.cleaned_data["price_per_kwh"])


@office_page(Plan)
class PlanAdmin(TenantAdmin):
    form = PlanForm
    list_display = ("subject", "description", "energy_price", "clients", "situation", "amount")
    search_fields = ("name", "description")
    search_help_text = _("Name or description")
    fieldsets = (
        (_("Plan"), {"fields": ["name", "description"]}),
        (_("Price"), {"fields": [("fixed_cents", "price_per_kwh"), ("due_days", "is_active")]}),
    )
    empty_icon = "sell"
    empty_title = _("No plan yet")
    empty_text = _("A plan is a price: so much a month, so much a kWh.")
    empty_verb = _("Add the first plan")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        today = timezone.localdate()
        served = Q(subscriptions__ends_on=None) | Q(subscriptions__ends_on__gt=today)
        plans: QuerySet[Plan] = super().get_queryset(request)
        return plans.annotate(served=Count("subscriptions", filter=served))

    @display(description=_("Plan"), ordering="name")
    def subject(self, plan: Plan) -> str:
        return plan.name

    @display(description=_("Per kWh"), ordering="price_per_kwh")
    def energy_price(self, plan: Plan) -> str:
        if not plan.price_per_kwh:
            return ""
        return show.price(plan.price_per_kwh, plan.currency)

    @display(description=_("Subscriptions"), ordering="served")
    def clients(self, plan: Any) -> str:
        return show.number(plan.served)

    @display(description=_("Situation"), ordering="is_active")
    def situation(self, plan: Plan) -> str:
        if plan.is_active:
            return chip("active", str(_("Offered")))
        return chip("paused", str(_("Not offered")))

    @display(description=_("Fixed, a month"), ordering="fixed_cents")
    def amount(self, plan: Plan) -> str:
        text = show.money(plan.fixed_cents, plan.currency)
        return format_html('<span class="p-num">{}</span>', text)
