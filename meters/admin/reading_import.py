"""Importing a file of readings: sent, looked at, checked, stored, and undone if need be."""

from __future__ import annotations

import csv
from datetime import date, datetime
from typing import Any, Final

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from clients.kernel import show, when
from clients.kernel.admin import office_page
from clients.kernel.chips import chip, look
from clients.kernel.detail import DetailAdmin
from clients.kernel.errors import DomainError
from clients.kernel.files import LARGEST_BYTES
from clients.kernel.forms import TenantForm
from clients.kernel.listing import Card, state_cards
from clients.kernel.tenancy import actor_label
from clients.kernel.verbs import verb
from meters.admin.import_mapping import MappingView, mapping_in
from meters.models import ImportState, Meter, ReadingImport
from meters.models.quantity_words import heading
from meters.models.reading_import import EDITABLE
from meters.selectors.register_events import measure
from meters.services.export_files import harmless
from meters.services.import_detection import detect
from meters.services.import_reasons import REASONS, note, reason
from meters.services.imports import (
    check_import,
    exceptions_of,
    run_import,
    set_mapping,
    start_import,
    undo_import,
)

for _code, _kind, _icon in (
    ("detected", "warn", "edit_note"),
    ("checking", "info", "progress_activity"),
    ("checked", "warn", "rule"),
    ("stored", "good", "check_circle"),
    ("undoing", "info", "progress_activity"),
    ("undone", "plain", "undo"),
    ("new", "good", "add"),
    ("duplicate", "plain", "check"),
    ("conflict", "warn", "warning"),
):
    look(_code, _kind, _icon)
STATES: Final = (
    ("", pgettext_lazy("imports", "All")),
    ("detected", gettext_lazy("To check")),
    ("checked", gettext_lazy("Checked")),
    ("stored", gettext_lazy("Stored")),
    ("undone", gettext_lazy("Undone")),
)
OUTCOMES: Final = {
    "new": gettext_lazy("New"),
    "duplicate": gettext_lazy("Already there"),
    "conflict": gettext_lazy("Conflict"),
}
SHOWN: Final = 50


class UploadForm(TenantForm):
    """A file, and whose readings it holds when no column says so."""

    file = forms.FileField(
        label=gettext_lazy("File (CSV or XLSX, at most 20 MB)"), widget=UnfoldAdminFileFieldWidget
    )
    meter = forms.ModelChoiceField(
        label=gettext_lazy("Meter, when no column says it"),
        queryset=Meter.objects.none(),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = ReadingImport
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        field: Any = self.fields["meter"]
        field.queryset = Meter.objects.filter(is_active=True)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_BYTES:
            raise ValidationError(_("A file may have at most 20 MB."), code="file_too_large")
        try:
            detect(file.read())
        except DomainError as error:
            raise ValidationError(str(error), code=error.error_code) from error
        return file


@office_page(ReadingImport)
class ReadingImportAdmin(DetailAdmin):
    list_display = ("subject", "when_", "situation", "rows", "news", "who")
    list_filter = ["state"]
    search_fields = ("name",)
    search_help_text = gettext_lazy("Name of the file")
    form = UploadForm
    fields = ("file", "meter")
    state_fields = ()
    head_template = "meters/import_head.html"
    overview_template = "meters/import_overview.html"
    overview_slug = "importacao"
    overview_title = gettext_lazy("Import")
    has_form = False
    save_words = gettext_lazy("Send and look at it")
    has_timeline = False
    actions_detail = ("dry_run", "store", "undo")
    settings_icon = "upload_file"
    settings_text = gettext_lazy("Readings from CSV and Excel files, checked first, undone at once")
    empty_icon = "upload_file"
    empty_title = gettext_lazy("No file was imported yet")
    empty_text = gettext_lazy("Send a CSV or Excel file. You see what would change before it does.")
    empty_verb = gettext_lazy("Send a file")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # it is read; what changes it is the mapping's own form, and the verbs

    def list_cards(self, request: HttpRequest, cl: ChangeList) -> list[Card]:
        whole = cl.get_queryset(request, exclude_parameters=["state__exact"])
        rows = whole.order_by().values("state").annotate(n=Count("pk"))
        counts = {row["state"]: row["n"] for row in rows}
        return state_cards(cl, "state__exact", list(STATES), counts)

    @display(description=gettext_lazy("File"), ordering="name")
    def subject(self, job: ReadingImport) -> str:
        return job.name

    @display(description=gettext_lazy("Sent"), ordering="created_at")
    def when_(self, job: ReadingImport) -> str:
        return when.ago(job.created_at)

    @display(description=gettext_lazy("Situation"), ordering="state")
    def situation(self, job: ReadingImport) -> str:
        return chip(job.state, str(job.get_state_display()))

    @display(description=gettext_lazy("Rows"), ordering="row_count")
    def rows(self, job: ReadingImport) -> str:
        return show.number(job.row_count)

    @display(description=gettext_lazy("New"), ordering="new_count")
    def news(self, job: ReadingImport) -> str:
        return show.number(job.new_count)

    @display(description=gettext_lazy("By"))
    def who(self, job: ReadingImport) -> str:
        return job.created_by

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        file = form.cleaned_data["file"]
        file.seek(0)
        meter = form.cleaned_data["meter"]
        job = start_import(
            file.name, file.read(), meter=meter, by=actor_label(), now=timezone.now()
        )
        obj.__dict__.update(job.__dict__)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """What can be done with it now."""
        job = self.get_object(request, str(object_id))
        state = job.state if job else ""
        shown = {
            "dry_run": state in EDITABLE and state != ImportState.CHECKED,
            "store": state == ImportState.CHECKED,
        }
        shown["undo"] = state == ImportState.STORED
        actions = super().get_actions_detail(request, object_id)
        return [action for action in actions if shown.get(action.path, True)]

    @verb(
        pgettext_lazy("imports, a verb", "Check"),
        icon="rule",
        title=gettext_lazy("Check this file?"),
        text=gettext_lazy("You see what would change. Nothing is stored yet."),
        submit=gettext_lazy("Check the file"),
        variant=ActionVariant.PRIMARY,
    )
    def dry_run(self, request: HttpRequest, form: Any, job: ReadingImport) -> str:
        check_import(job)
        return _("The file is being checked.")

    @verb(
        gettext_lazy("Store"),
        icon="save",
        title=gettext_lazy("Store these readings?"),
        text=gettext_lazy("What is stored already stays as it is. It can be undone."),
        submit=gettext_lazy("Store the readings"),
        variant=ActionVariant.PRIMARY,
    )
    def store(self, request: HttpRequest, form: Any, job: ReadingImport) -> str:
        run_import(job, now=timezone.now())
        return _("The readings are being stored. You may leave this page.")

    @verb(
        gettext_lazy("Undo"),
        icon="undo",
        title=gettext_lazy("Undo this import?"),
        text=gettext_lazy("Exactly the readings that it added are taken back; others stay."),
        submit=gettext_lazy("Take the readings back"),
    )
    def undo(self, request: HttpRequest, form: Any, job: ReadingImport) -> str:
        undo_import(job, by=actor_label(), now=timezone.now())
        return _("The readings are being taken back.")

    def page_context(self, request: HttpRequest, subject: Any) -> dict[str, Any]:
        return {
            **progress_of(subject),
            "notes": [note(code) for code in subject.notes],
            "preview": subject.report.get("preview", []),
            "mapping": MappingView(subject) if subject.state in EDITABLE else None,
            "may_map": self.has_work_permission(request),
            "sample": sample_of(subject),
            "days": days_of(subject),
            "falls": falls_of(subject),
            "reasons": reasons_of(subject),
            "exceptions": [
                {"line": found["line"], "text": reason(found)}
                for found in exceptions_of(subject, SHOWN)[:SHOWN]
            ],
            "mapping_link": reverse("admin:meters_readingimport_mapping", args=[subject.public_id]),
            "progress_link": reverse(
                "admin:meters_readingimport_progress", args=[subject.public_id]
            ),
            "exceptions_link": reverse(
                "admin:meters_readingimport_exceptions", args=[subject.public_id]
            ),
        }

    def get_urls(self) -> list[URLPattern]:
        def to(route: str, view: Any, name: str) -> URLPattern:
            shown = self.admin_site.admin_view(view)
            found: URLPattern = path(
                f"<uuid:object_id>/{route}", shown, name=f"meters_readingimport_{name}"
            )
            return found

        return [
            to("mapping/", self.mapping_view, "mapping"),
            to("progress/", self.progress_view, "progress"),
            to("exceptions.csv", self.exceptions_view, "exceptions"),
            *super().get_urls(),
        ]

    def mapping_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Read the file as the form says."""
        job = self.row(request, str(object_id))
        if not self.has_work_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            try:
                set_mapping(job, mapping_in(request.POST, job.mapping))
            except DomainError as error:
                self.message_user(request, str(error), "ERROR")
            else:
                self.message_user(request, _("The file is read like this now. Check it."))
        return HttpResponseRedirect(self.page_of(job))

    def progress_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """How far the worker is; the page is loaded again when it is done."""
        job = self.row(request, str(object_id))
        if not job.is_at_work:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return HttpResponse(render_to_string("meters/import_progress.html", progress_of(job)))

    def exceptions_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The lines that gave no reading, with their reasons."""
        job = self.row(request, str(object_id))
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{job.public_id}.csv"'
        out = csv.writer(response)
        out.writerow([_("line"), _("reason")])
        for found in exceptions_of(job):
            out.writerow([found["line"], harmless(reason(found))])
        return response


def progress_of(job: ReadingImport) -> dict[str, Any]:
    share = job.seen_count / job.row_count if job.row_count else 0
    return {"job": job, "share": min(share, 1), "is_counted": bool(job.row_count)}


def sample_of(job: ReadingImport) -> dict[str, Any]:
    """The first readings as they would be stored."""
    rows = job.report.get("sample", [])
    names = list(rows[0]["values"]) if rows else []
    return {
        "names": [heading(name) for name in names],
        "rows": [
            {
                **row,
                "at": moment(row["measured_at"]),
                "word": OUTCOMES[row["outcome"]],
                "cells": [written(row["values"][name]) for name in names],
            }
            for row in rows
        ],
    }


def moment(text: str) -> str:
    """An instant of the report, in its meter's own time."""
    at = datetime.fromisoformat(text)
    return when.moment(at, at.tzinfo)


def written(value: Any) -> str:
    if value is None:
        return "—"
    if not isinstance(value, int | float):
        return str(value)
    return show.number(value, 0 if value == int(value) else 3)


def days_of(job: ReadingImport) -> list[dict[str, Any]]:
    """What counts on each day now, and what would count after."""
    whole = str(job.report.get("register", ""))
    return [
        {
            "meter": row["meter"],
            "day": date.fromisoformat(row["day"]),
            "rows": row["rows"],
            "before": used(row.get("register", whole), row["before"]),
            "after": used(row.get("register", whole), row["after"]),
            "falls": row.get("falls", False),
        }
        for row in job.report.get("days", [])
    ]


def used(register: str, amount: int | None) -> str:
    if amount is None:
        return "—"
    return show.volume(amount) if register == "volume_l" else show.energy(amount)


def falls_of(job: ReadingImport) -> list[str]:
    """Where a register shows less than on the line before, as sentences."""
    return [
        _("On line %(line)s the register of %(meter)s falls from %(before)s to %(after)s.")
        % {
            "line": show.number(fall["line"]),
            "meter": fall["meter"],
            "before": measure(fall["register"], fall["before"]),
            "after": measure(fall["register"], fall["after"]),
        }
        for fall in job.report.get("falls", [])
    ]


def reasons_of(job: ReadingImport) -> list[tuple[str, int]]:
    """Why lines are left out, the most frequent first."""
    counted = job.report.get("reasons", {})
    blank = {"text": "…", "column": "…"}
    return [
        (_(REASONS[code]) % blank, count)
        for code, count in sorted(counted.items(), key=lambda item: -item[1])
    ]
