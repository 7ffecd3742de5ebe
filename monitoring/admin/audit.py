"""Audit: who changed what, before and after, when and why."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminSelectWidget

from clients.kernel.chips import look
from clients.kernel.periods import day_start
from clients.kernel.sites import tenant_site
from clients.models import Membership, Tenant
from monitoring.selectors.audit import AuditQuestion, audit_entries, event_models, tracked_model
from monitoring.selectors.audit_position import AuditPosition

PERMISSION: Final = "clients.change_tenant"
PAGE: Final = 25
look("created", "good", "check_circle")
look("changed", "info", "edit_note")
look("deleted", "warn", "remove")


class AuditFilter(forms.Form):
    """Which changes to show."""

    model = forms.ChoiceField(
        label=gettext_lazy("What"), required=False, widget=UnfoldAdminSelectWidget
    )
    user = forms.ChoiceField(
        label=gettext_lazy("Who"), required=False, widget=UnfoldAdminSelectWidget
    )
    since = forms.DateField(
        label=gettext_lazy("From"), required=False, widget=UnfoldAdminDateWidget
    )
    until = forms.DateField(
        label=gettext_lazy("Until"), required=False, widget=UnfoldAdminDateWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: Django's own arguments
        super().__init__(*args, **kwargs)
        tables = {
            name: str(tracked_model(model)._meta.verbose_name_plural)
            for name, model in event_models().items()
        }
        by_name = sorted(tables.items(), key=lambda item: item[1])
        members = Membership.objects.select_related("user").order_by("user__name")
        people = [(str(member.user.public_id), str(member.user)) for member in members]
        self.users = {str(member.user.public_id): member.user_id for member in members}
        choices: Any = self.fields
        choices["model"].choices = [("", _("Everything")), *by_name]
        choices["user"].choices = [("", _("Everybody")), *people]

    def question(self, tenant: Tenant, cursor: str) -> AuditQuestion:
        """What the form asks; anything that cannot be read is left out."""
        self.is_valid()
        asked: dict[str, Any] = self.cleaned_data
        since: date | None = asked.get("since")
        until: date | None = asked.get("until")
        try:
            older_than = AuditPosition.opened(cursor) if cursor else None
        except ValueError:
            older_than = None
        return AuditQuestion(
            model=asked.get("model", ""),
            user_id=self.users.get(asked.get("user", "")),
            since=day_start(since, tenant.zone) if since else None,
            until=day_start(until + timedelta(days=1), tenant.zone) if until else None,
            older_than=older_than,
        )


@tenant_site.page("audit/", "audit")
def audit_page(request: HttpRequest) -> HttpResponse:
    """The newest changes, 25 at a time."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    found: Any = request  # the middleware adds the tenant
    form = AuditFilter(request.GET)
    entries = audit_entries(form.question(found.tenant, request.GET.get("after", "")), PAGE + 1)
    asked = {name: str(text) for name, text in request.GET.items() if name in form.fields and text}
    more = entries[PAGE - 1].position.sealed() if len(entries) > PAGE else ""
    context = {
        **tenant_site.each_context(request),
        "title": _("Audit"),
        "form": form,
        "is_filtered": bool(asked),
        "entries": entries[:PAGE],
        "older": "?" + urlencode({**asked, "after": more}) if more else "",
    }
    found.current_app = tenant_site.name
    return TemplateResponse(request, "monitoring/audit.html", context)
