"""The validation catalogue: what each rule checks, how it is set, and what it would have found."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from clients.kernel import show, when
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip
from clients.kernel.errors import DomainError
from meters.admin import evidence
from meters.models import Meter, MeteringPoint, MeterKind, Severity, ValidationRule
from meters.selectors.places import serving, zone_of
from meters.services.validation.catalogue import CATALOGUE, Entry
from meters.services.validation.preview import DAYS, Preview, preview_rule
from meters.services.validation.rules import applied_to, forget_rule, set_rule

SHOWN = 100


class RuleForm(forms.Form):
    """How a rule holds for a kind of meter: one field for each parameter of the rule."""

    severity = forms.ChoiceField(
        label=gettext_lazy("Severity"), choices=Severity.choices, widget=UnfoldAdminSelectWidget
    )
    is_enabled = forms.BooleanField(
        label=gettext_lazy("In use"), required=False, widget=UnfoldBooleanSwitchWidget
    )

    def __init__(self, entry: Entry, *args: Any, **kwargs: Any) -> None:  # Any: forms.Form's own
        super().__init__(*args, **kwargs)
        self.entry = entry
        for parameter in entry.parameters:
            unit = "" if parameter.unit == "1" else f" ({parameter.unit})"
            self.fields[parameter.name] = forms.FloatField(
                label=f"{parameter.label}{unit}",
                min_value=parameter.lowest,
                max_value=parameter.highest,
                localize=True,
                widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
                help_text=_("Usually %(value)s.") % {"value": show.any_number(parameter.default)},
            )

    @property
    def parameters(self) -> dict[str, float]:
        return {
            parameter.name: self.cleaned_data[parameter.name] for parameter in self.entry.parameters
        }


@office_page(ValidationRule)
class ValidationRuleAdmin(TenantAdmin):
    """Every rule of the catalogue has its line, whether it was changed or not."""

    settings_icon = "rule"
    settings_text = gettext_lazy("Which readings are not believed, and how serious that is")
    fields = ("code", "kind", "severity", "is_enabled")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.rule_view)
        return [path("rule/", view, name="meters_validationrule_rule"), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.row(request, object_id)
        return HttpResponseRedirect(address(row.code, row.kind))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = list(ValidationRule.objects.all())
        context = {
            **self.admin_site.each_context(request),
            "title": _("Validation rules"),
            "rules": [line_of(entry, rows) for entry in CATALOGUE.values()],
        }
        return TemplateResponse(request, "meters/admin/validation_rules.html", context)

    def rule_view(self, request: HttpRequest) -> HttpResponse:
        """One rule for one kind of meter: try other parameters, then keep them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        entry, kind = asked_rule(request)
        rows = list(ValidationRule.objects.filter(code=entry.code))
        form = RuleForm(entry, request.POST or None, initial=initial_of(entry, kind, rows))
        may_change = self.has_change_permission(request)
        found: Preview | None = None
        if request.method == "POST" and request.POST.get("do") == "default" and may_change:
            for row in rows:
                if row.kind == kind:
                    forget_rule(row)
            messages.success(request, _("The usual values hold again."))
            return HttpResponseRedirect(address(entry.code, kind))
        if request.method == "POST" and not may_change:  # trying one reads months of readings
            raise PermissionDenied
        if request.method == "POST" and form.is_valid():
            try:
                if request.POST.get("do") == "save" and may_change:
                    return self.saved(request, entry, kind, form)
                found = preview_rule(
                    entry.code, kind, parameters=form.parameters, now=timezone.now()
                )
            except DomainError as error:
                form.add_error(None, str(error))
        context = {
            **self.admin_site.each_context(request),
            "title": str(entry.name),
            "entry": entry,
            "kind": kind,
            "kinds": kinds_of(entry, kind),
            "form": form,
            "may_change": may_change,
            "is_own": any(row.kind == kind for row in rows),
            "days": DAYS,
            "preview": found,
            "flagged": lines_of(found) if found else [],
            "more": max(found.count - SHOWN, 0) if found else 0,
            "back": reverse("admin:meters_validationrule_changelist"),
        }
        return TemplateResponse(request, "meters/admin/validation_rule.html", context)

    def saved(self, request: HttpRequest, entry: Entry, kind: str, form: RuleForm) -> HttpResponse:
        set_rule(
            entry.code,
            kind,
            severity=form.cleaned_data["severity"],
            is_enabled=form.cleaned_data["is_enabled"],
            parameters=form.parameters,
            now=timezone.now(),
        )
        messages.success(request, _("The rule is kept. It holds for what comes from now on."))
        return HttpResponseRedirect(reverse("admin:meters_validationrule_changelist"))


def address(code: str, kind: str = "") -> str:
    """The page of a rule for a kind of meter."""
    page = reverse("admin:meters_validationrule_rule")
    return f"{page}?{urlencode({'code': code, **({'kind': kind} if kind else {})})}"


def asked_rule(request: HttpRequest) -> tuple[Entry, str]:
    entry = CATALOGUE.get(request.GET.get("code", ""))
    kind = request.GET.get("kind", "")
    if entry is None or (kind and kind not in entry.kinds):
        raise Http404
    return entry, kind


def initial_of(entry: Entry, kind: str, rows: list[ValidationRule]) -> dict[str, Any]:
    chosen = [row for row in rows if row.kind == kind] or [row for row in rows if not row.kind]
    if not chosen:
        return {**entry.defaults, "severity": entry.severity, "is_enabled": True}
    row = chosen[0]
    known = {**entry.defaults, **row.parameters}
    return {**known, "severity": row.severity, "is_enabled": row.is_enabled}


def kinds_of(entry: Entry, current: str) -> list[tuple[str, str, bool]]:
    """Address, name and whether it is shown now, of each kind the rule is made for."""
    kinds = [("", _("All meters")), *((k.value, str(MeterKind(k).label)) for k in entry.kinds)]
    return [(address(entry.code, code), name, code == current) for code, name in kinds]


def line_of(entry: Entry, rows: list[ValidationRule]) -> dict[str, Any]:
    """A rule in the list, as it holds for each kind of meter."""
    mine = [row for row in rows if row.code == entry.code]
    applied = [(kind, applied_to(entry, kind, mine)) for kind in entry.kinds]
    used = [MeterKind(kind).label for kind, rule in applied if rule and rule.is_enabled]
    severities = {rule.severity for _kind, rule in applied if rule and rule.is_enabled}
    return {
        "entry": entry,
        "link": address(entry.code),
        "kinds": ", ".join(str(name) for name in used) or _("not in use"),
        "chips": [chip(f"suspect_{s}", Severity(s).label, quiet=True) for s in sorted(severities)],
        "is_changed": bool(mine),
    }


def whose(meter: Meter, point: MeteringPoint | None) -> str:
    """`Padaria Trigo Bom · SN-7`."""
    return f"{point.site.client} · {meter.serial}" if point else str(_("not installed"))


def lines_of(found: Preview) -> list[dict[str, Any]]:
    shown = found.flagged[:SHOWN]
    zones = {item.meter.pk: zone_of(item.meter) for item in {i.meter.pk: i for i in shown}.values()}
    ids = list(zones)
    places = {row.meter_id: row.metering_point for row in serving().filter(meter_id__in=ids)}
    return [
        {
            "meter": item.meter,
            "place": places.get(item.meter.pk, item.meter.serial),
            "whose": whose(item.meter, places.get(item.meter.pk)),
            "when": when.moment(item.found.starts_at, zones[item.meter.pk]),
            "lasted": when.duration(item.found.ends_at - item.found.starts_at),
            "evidence": evidence.brief(item.found.values),
        }
        for item in shown
    ]
