"""Billing runs: what each one did, with its counts."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from billing.models import BillingRun
from clients.kernel import show, when
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip


@office_page(BillingRun)
class RunAdmin(TenantAdmin):
    list_display = ("subject", "started_by", "progress", "held_count", "situation", "amount")
    fields = (
        "period_start",
        "period_end",
        "started_by",
        "started_at",
        "finished_at",
        ("expected_count", "seen_count"),
        ("issued_count", "held_count"),
    )
    readonly_fields = (
        "period_start",
        "period_end",
        "started_by",
        "started_at",
        "finished_at",
        "expected_count",
        "seen_count",
        "issued_count",
        "held_count",
    )
    settings_icon = "playlist_add_check"
    settings_text = _("What each billing of a month did")
    empty_icon = "receipt_long"
    empty_title = _("No month was billed yet")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("Month"), ordering="period_start")
    def subject(self, run: BillingRun) -> str:
        return when.month(timezone.localtime(run.period_start).date())

    @display(description=_("Issued"))
    def progress(self, run: BillingRun) -> str:
        done, whole = show.number(run.issued_count), show.number(run.expected_count)
        return str(_("%(done)s of %(whole)s") % {"done": done, "whole": whole})

    @display(description=_("Situation"), ordering="status")
    def situation(self, run: BillingRun) -> str:
        return chip(run.status, str(run.get_status_display()))

    @display(description=_("Amount"), ordering="issued_cents")
    def amount(self, run: BillingRun) -> str:
        text = show.money(run.issued_cents, run.currency)
        return format_html('<span class="p-num">{}</span>', text)
