"""Exports of readings: asked for with a form, written by a worker, downloaded here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminSelectMultipleWidget,
    UnfoldAdminSelectWidget,
)

from clients.kernel import show, when
from clients.kernel.admin import office_page
from clients.kernel.chips import chip
from clients.kernel.detail import DetailAdmin
from clients.kernel.errors import DomainError
from clients.kernel.files import attachment
from clients.kernel.forms import TenantForm
from clients.kernel.periods import Period, day_start
from clients.kernel.tenancy import actor_label
from clients.models import Client
from clients.selectors import unexpired_files
from meters.models import ExportState, Meter, ReadingExport, Site
from meters.services.exports import Wanted, start_export


class ExportForm(TenantForm):
    """What to export: some meters, a site, a client, or all."""

    first_day = forms.DateField(label=gettext_lazy("First day"), widget=UnfoldAdminDateWidget)
    last_day = forms.DateField(label=gettext_lazy("Last day"), widget=UnfoldAdminDateWidget)
    meters = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Meters"),
        queryset=Meter.objects.none(),
        required=False,
        widget=UnfoldAdminSelectMultipleWidget,
        help_text=gettext_lazy("None: all meters of the site or client, or of the company."),
    )
    site = forms.ModelChoiceField(
        label=gettext_lazy("Site"),
        queryset=Site.objects.none(),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    client = forms.ModelChoiceField(
        label=gettext_lazy("Client"),
        queryset=Client.objects.none(),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = ReadingExport
        fields = ("what", "format", "decimal_sign", "is_gzip")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["meters"].queryset = Meter.objects.all()
        fields["site"].queryset = Site.objects.all()
        fields["client"].queryset = Client.objects.filter(sites__isnull=False).distinct()

    def clean(self) -> Any:
        said = super().clean() or self.cleaned_data
        first, last = said.get("first_day"), said.get("last_day")
        if first and last and last < first:
            raise ValidationError(_("The last day is before the first."), code="order")
        return said


@office_page(ReadingExport)
class ReadingExportAdmin(DetailAdmin):
    list_display = ("subject", "when_", "content", "situation", "rows", "who_")
    list_filter = ["state", "what"]
    search_fields = ("name",)
    search_help_text = gettext_lazy("Name")
    form = ExportForm
    fields = (
        ("first_day", "last_day"),
        "what",
        "meters",
        ("site", "client"),
        ("format", "decimal_sign"),
        "is_gzip",
    )
    state_fields = ()
    head_template = "meters/export_head.html"
    overview_template = "meters/export_overview.html"
    overview_slug = "exportacao"
    overview_title = gettext_lazy("Export")
    has_form = False
    save_words = pgettext_lazy("exports, a verb", "Export")
    has_timeline = False
    settings_icon = "download"
    settings_text = gettext_lazy("Readings, quarter-hours or days as CSV and Excel files")
    empty_icon = "download"
    empty_title = gettext_lazy("Nothing was exported yet")
    empty_text = gettext_lazy("Files are written in the background and kept for seven days.")
    empty_verb = gettext_lazy("Export readings")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=gettext_lazy("Export"), ordering="name")
    def subject(self, job: ReadingExport) -> str:
        return job.name

    @display(description=gettext_lazy("Asked"), ordering="created_at")
    def when_(self, job: ReadingExport) -> str:
        return when.ago(job.created_at)

    @display(description=gettext_lazy("What"), ordering="what")
    def content(self, job: ReadingExport) -> str:
        return str(job.get_what_display())

    @display(description=gettext_lazy("Situation"), ordering="state")
    def situation(self, job: ReadingExport) -> str:
        return chip(job.state, str(job.get_state_display()))

    @display(description=gettext_lazy("Rows"), ordering="row_count")
    def rows(self, job: ReadingExport) -> str:
        return show.number(job.row_count)

    @display(description=gettext_lazy("By"))
    def who_(self, job: ReadingExport) -> str:
        return job.created_by

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        said = form.cleaned_data
        tenant: Any = request.tenant  # type: ignore[attr-defined]  # the middleware's
        zone = said["site"].zone if said["site"] else tenant.zone
        period = Period(
            day_start(said["first_day"], zone),
            day_start(said["last_day"] + timedelta(days=1), zone),
        )
        wanted = Wanted(
            period=period,
            what=said["what"],
            format=said["format"],
            decimal_sign=said["decimal_sign"],
            is_gzip=said["is_gzip"],
            time_zone=zone.key,
            meters=list(said["meters"]),
            site=said["site"],
            client=said["client"],
        )
        obj.__dict__.update(start_export(wanted, by=actor_label()).__dict__)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A rule that says no leads back to the form, with its sentence."""
        try:
            answer: HttpResponse = super().add_view(request, form_url, extra_context)
        except DomainError as error:
            self.message_user(request, str(error), "ERROR")
            request.method = "GET"
            answer = super().add_view(request, form_url, extra_context)
        return answer

    def page_context(self, request: HttpRequest, subject: Any) -> dict[str, Any]:
        parts = list(subject.parts.order_by("number"))
        there = set(
            unexpired_files()
            .filter(public_id__in=[part.file_id for part in parts])
            .values_list("public_id", flat=True)
        )
        return {
            **export_progress(subject),
            "parts": [
                {
                    "part": part,
                    "size": f"{show.number(part.size_bytes / 1_000_000, 1)} MB",
                    "link": reverse(
                        "admin:meters_readingexport_part", args=[subject.public_id, part.number]
                    )
                    if part.file_id in there
                    else "",
                }
                for part in parts
            ],
            "progress_link": reverse(
                "admin:meters_readingexport_progress", args=[subject.public_id]
            ),
        }

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        return [
            path(
                "<uuid:object_id>/progress/",
                site.admin_view(self.progress_view),
                name="meters_readingexport_progress",
            ),
            path(
                "<uuid:object_id>/part/<int:number>/",
                site.admin_view(self.part_view),
                name="meters_readingexport_part",
            ),
            *super().get_urls(),
        ]

    def progress_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """How far the worker is; the page is loaded again when it is done."""
        job = self.row(request, str(object_id))
        if job.state != ExportState.RUNNING:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return HttpResponse(render_to_string("meters/export_progress.html", export_progress(job)))

    def part_view(self, request: HttpRequest, object_id: Any, number: int) -> HttpResponse:
        """One of the export's files."""
        job = self.row(request, str(object_id))
        part = job.parts.filter(number=number).first()
        file = part and unexpired_files().filter(public_id=part.file_id).first()
        if not file:
            raise Http404
        return attachment(file)


def export_progress(job: ReadingExport) -> dict[str, Any]:
    whole = len(job.meter_ids)
    return {"job": job, "share": job.meters_done / whole if whole else 0, "whole": whole}
