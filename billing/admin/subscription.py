"""Subscriptions: which client has which plan, and what its energy is measured by."""

from __future__ import annotations

from typing import Any

from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display

from billing.models import Subscription, SubscriptionPoint
from clients.kernel import when
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip
from clients.kernel.forms import TenantForm


class PointForms(BaseInlineFormSet):  # type: ignore[type-arg]  # not subscriptable when it runs
    """Each point knows its subscription while it is checked, also one that is not saved yet."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        form.instance.subscription = self.instance


class SubscriptionPointInline(TabularInline):
    model = SubscriptionPoint
    form = TenantForm
    formset = PointForms
    fields = ("metering_point",)
    autocomplete_fields = ("metering_point",)
    extra = 0

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Points of different clients have the same names."""
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        page: Any = self.admin_site._registry[db_field.related_model]
        field.queryset = field.queryset.select_related("site__client")
        field.label_from_instance = page.choice_text
        return field


@office_page(Subscription)
class SubscriptionAdmin(TenantAdmin):
    list_display = ("subject", "who", "since", "situation")
    list_select_related = ("client", "plan")
    search_fields = ("client__name", "plan__name")
    search_help_text = _("Client or plan")
    autocomplete_fields = ("client", "plan")
    fieldsets = (
        (_("Who and what"), {"fields": [("client", "plan")]}),
        (_("When"), {"fields": [("starts_on", "ends_on"), ("anchor_day", "due_day")]}),
    )
    inlines = (SubscriptionPointInline,)
    settings_icon = "assignment"
    settings_text = _("Which client has which plan, and its metering points")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets

    @display(description=_("Plan"), ordering="plan__name")
    def subject(self, subscription: Subscription) -> str:
        return str(subscription.plan)

    @display(description=_("Client"), ordering="client__name")
    def who(self, subscription: Subscription) -> str:
        link = reverse("admin:clients_client_change", args=[subscription.client.public_id])
        return format_html('<a class="p-link" href="{}">{}</a>', link, subscription.client.name)

    @display(description=_("Since"), ordering="starts_on")
    def since(self, subscription: Subscription) -> str:
        return when.day(subscription.starts_on)

    @display(description=_("Situation"), ordering="ends_on")
    def situation(self, subscription: Subscription) -> str:
        today = timezone.localdate()
        if subscription.ends_on and subscription.ends_on <= today:
            return chip("closed", str(_("Ended")))
        if subscription.starts_on > today:
            return chip("queued", str(_("Begins later")))
        return chip("active", str(_("In force")))
