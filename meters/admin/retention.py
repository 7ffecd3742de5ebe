"""How long raw readings are kept: the choice, and what it would do now."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clients.kernel import when
from clients.kernel.admin import office_page
from clients.kernel.detail import DetailAdmin
from meters.models import Retention
from meters.services.retention import retention_outlook

WAITING = {
    "touched": gettext_lazy("Quarter-hours of that time are still to be computed."),
    "followed": gettext_lazy("Alarms, checks or forwarding have not seen all changes yet."),
    "importing": gettext_lazy("A file is being imported."),
}
SHOWN = 20


@office_page(Retention)
class RetentionAdmin(DetailAdmin):
    list_display = ("subject", "since")
    fields = ("keep_months",)
    head_template = "clients/admin/head.html"
    overview_template = "meters/retention_overview.html"
    overview_slug = "agora"
    overview_title = gettext_lazy("What would go")
    form_title = gettext_lazy("Choice")
    has_timeline = False
    settings_icon = "auto_delete"
    settings_text = gettext_lazy("How long raw readings stay; quarter-hours and days stay for ever")
    empty_icon = "auto_delete"
    empty_title = gettext_lazy("Raw readings stay for ever")
    empty_text = gettext_lazy("Say for how many months they are kept, if they need not stay.")
    empty_verb = gettext_lazy("Choose")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not Retention.objects.exists()

    @display(description=gettext_lazy("Raw readings"))
    def subject(self, setting: Retention) -> str:
        if setting.keep_months is None:
            return _("stay for ever")
        return _("stay for %(n)d months") % {"n": setting.keep_months}

    @display(description=gettext_lazy("There since"))
    def since(self, setting: Retention) -> str:
        return when.day(setting.raw_since) if setting.raw_since else "—"

    def page_context(self, request: HttpRequest, subject: Any) -> dict[str, Any]:
        outlook = retention_outlook(timezone.now())
        return {
            "outlook": outlook,
            "waits_for": [WAITING[code] for code in outlook.waits_for],
            "holds": outlook.holds[:SHOWN],
            "more_holds": max(len(outlook.holds) - SHOWN, 0),
        }
