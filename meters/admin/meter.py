"""Meters: the list, and the page that shows what one of them measured."""

from __future__ import annotations

import csv
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from clients.kernel import show, when
from clients.kernel.admin import office_page
from clients.kernel.chips import chip, look
from clients.kernel.detail import DetailAdmin
from clients.kernel.listing import Card, state_cards
from clients.kernel.panels import figures_of
from clients.kernel.periods import day_start, month_of
from meters.admin.analysis import live_value, load_csv, zoomed
from meters.admin.clocks import clock_words
from meters.admin.dialogs import free_points
from meters.admin.meter_figures import (
    VIEW_NAMES,
    asked_view,
    missing_words,
    own_figures,
    period_of,
    starts_of,
    zone_name,
)
from meters.admin.meter_verbs import MeterVerbs
from meters.admin.new_meter import PLACED, NewMeterForm
from meters.admin.next_steps import asked_row, ways_in
from meters.admin.places import client_cell
from meters.admin.study import study_page
from meters.models import Meter, MeterKind
from meters.selectors import presence, series
from meters.selectors.places import client_of, name_of, with_serving, zone_of
from meters.selectors.series import WATER
from meters.selectors.view import MeterPeriod, draw
from meters.services.installations import install_meter, keep_meter

look("online", "good", "sensors")
look("silent", "bad", "sensors_off")
look("never", "plain", "hourglass_empty")
SITUATIONS = {
    "online": gettext_lazy("Communicating"),
    "silent": gettext_lazy("Not communicating"),
    "never": gettext_lazy("No reading yet"),
}


@office_page(Meter)
class MeterAdmin(MeterVerbs, DetailAdmin):
    list_display = ("subject", "who", "situation", "seen", "data", "use")
    list_filter = [("kind", ChoicesDropdownFilter), ("is_active", ChoicesDropdownFilter)]
    search_fields = ("serial", "model", "installations__metering_point__name")
    search_help_text = gettext_lazy("Serial number, model or place")
    head_template = "meters/meter_head.html"
    overview_template = "meters/meter_overview.html"
    overview_slug = "consumo"
    overview_title = gettext_lazy("Consumption")
    form_title = gettext_lazy("Installation")
    has_timeline = False
    page_module = "meters/meter.js"
    fieldsets = (
        (gettext_lazy("Device"), {"fields": [("serial", "model"), ("kind", "is_active")]}),
        (
            gettext_lazy("How it counts"),
            {
                "fields": [
                    ("digits", "register_step"),
                    ("max_power_w", "max_flow_l_per_h"),
                    ("sample_seconds", "reports_every_seconds"),
                ]
            },
        ),
    )
    actions_detail = (
        "install",
        "exchange",
        {
            "title": gettext_lazy("More"),
            "items": ["fill_in", "estimate", "change_multiplier", "take_down"],
        },
    )
    empty_icon = "speed"
    empty_title = gettext_lazy("Your meters will be here")
    empty_text = gettext_lazy("Type a serial number; the first reading shows up within a minute.")
    empty_verb = gettext_lazy("Add the first meter")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Meter]:
        month = month_of(timezone.localdate(), ZoneInfo("UTC"))
        meters = super().get_queryset(request)
        meters = presence.with_use(meters, month.start.date(), month.end.date())
        serving = with_serving("installations")
        return presence.with_presence(meters).prefetch_related(serving)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else (self.fieldsets[0], PLACED, *self.fieldsets[1:])

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewMeterForm
        return super().get_form(request, obj, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        """From a site's page, a meter for its point."""
        initial: Any = super().get_changeform_initial_data(request)
        if point := asked_row(free_points(), initial.pop("point", None)):
            initial |= {"metering_point": point.pk, "kind": point.kind}
        return initial

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change:
            keep_meter(obj, form.changed_data)
        elif point := form.cleaned_data["metering_point"]:
            said = form.cleaned_data
            install_meter(
                obj,
                point,
                at=said["since"],
                start_register=said["start_register"],
                multiplier=said["multiplier"] or Decimal(1),
            )

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Installed meters are exchanged and taken down, others installed."""
        meter = self.get_object(request, str(object_id))
        needs_place = {"exchange", "change_multiplier", "take_down"}
        hidden = {"install"} if meter and meter.serving else needs_place
        shown = super().get_actions_detail(request, object_id)
        return [action for action in shown if action.path not in hidden]

    def list_cards(self, request: HttpRequest, cl: ChangeList) -> list[Card]:
        whole = cl.get_queryset(request, exclude_parameters=["kind__exact"])
        rows = Meter.objects.filter(pk__in=whole.order_by().values("pk"))
        counts = {row["kind"]: row["n"] for row in rows.values("kind").annotate(n=Count("pk"))}
        return state_cards(cl, "kind__exact", [("", _("All")), *MeterKind.choices], counts)

    @display(description=gettext_lazy("Meter"), header=True, ordering="serial")
    def subject(self, meter: Any) -> list[str]:
        return [name_of(meter), " · ".join(filter(None, [meter.model, meter.serial]))]

    @display(description=gettext_lazy("Client"))
    def who(self, meter: Any) -> str:
        return client_cell(meter)

    @display(description=gettext_lazy("Situation"))
    def situation(self, meter: Any) -> str:
        state = presence.situation(meter.seen_at, timezone.now())
        return chip(state, str(SITUATIONS[state]))

    @display(description=gettext_lazy("Last reading"), ordering="seen_at")
    def seen(self, meter: Any) -> str:
        return when.ago(meter.seen_at) if meter.seen_at else ""

    @display(description=gettext_lazy("Data this month"))
    def data(self, meter: Any) -> str:
        if not meter.expected_s:
            return ""
        share = min(meter.known_s / meter.expected_s, 1)
        bar = '<span class="p-meterbar" aria-hidden="true"><i style="width:{}%"></i></span>'
        text = '<span class="p-num p-inline">{}</span>'
        return format_html(bar + text, f"{share * 100:.0f}", show.percent(share))

    @display(description=gettext_lazy("Use this month"))
    def use(self, meter: Any) -> str:
        text = presence.use_of(meter)
        if not text:
            return format_html('<span class="p-faint">{}</span>', "—")
        return format_html('<span class="p-num">{}</span>', text)

    def page_context(self, request: HttpRequest, subject: Any) -> dict[str, Any]:
        place = subject.serving[0] if subject.serving else None
        zone = zone_of(subject)
        view = asked_view(request, subject, zone)
        drawing = draw(subject, view, zone, timezone.now())
        newest = series.newest_day(subject, zone)
        state = presence.situation(subject.seen_at, timezone.now())
        return {
            "title": name_of(subject),
            "point": place.metering_point if place else None,
            "client": client_of(subject),
            "state": state,
            "state_name": SITUATIONS[state],
            "clock": clock_words(subject, timezone.now()),
            "zone_name": zone_name(request, zone, view.period(zone).start),
            "now_url": reverse("admin:meters_meter_now", args=[subject.public_id]),
            "view": view,
            "views": [(name, text, name == view.name) for name, text in VIEW_NAMES.items()],
            "drawing": drawing,
            "chart": {
                **drawing.as_json(zone),
                "starts": [int(day_start(day, zone).timestamp()) for day in starts_of(view)],
                "zoom": reverse("admin:meters_meter_zoom", args=[subject.public_id]),
                "color": "--s-green" if subject.kind == MeterKind.SOLAR else "--s-blue",
            },
            "figures": [
                *own_figures(drawing, zone),
                *figures_of(MeterPeriod, request, period_of(subject, drawing, zone)),
            ],
            "missing": missing_words(drawing.summary, zone),
            "has_data": any(bar.amount is not None for bar in drawing.bars),
            "newest": newest,
            **(ways_in(subject) if newest is None else {}),
        }

    def get_urls(self) -> list[URLPattern]:
        own = {
            "readings.csv": (self.csv_view, "meters_meter_csv"),
            "load.csv": (self.load_csv_view, "meters_meter_load_csv"),
            "zoom.json": (self.zoom_view, "meters_meter_zoom"),
            "now.json": (self.now_view, "meters_meter_now"),
            "study/": (self.study_view, "meters_meter_study"),
        }
        wrap = self.admin_site.admin_view
        found = [
            path(f"<uuid:object_id>/{end}", wrap(view), name=name)
            for end, (view, name) in own.items()
        ]
        return [*found, *super().get_urls()]

    def zoom_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        return zoomed(self.row(request, str(object_id)), request)

    def now_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        return live_value(self.row(request, str(object_id)))

    def study_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        return study_page(request, self.row(request, str(object_id)))

    def load_csv_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        return load_csv(self.row(request, str(object_id)))

    def csv_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The rows of the table under the chart, for a spreadsheet."""
        meter = self.row(request, str(object_id))
        zone = zone_of(meter)
        drawing = draw(meter, asked_view(request, meter, zone), zone, timezone.now())
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        name = f"{meter.serial}-{drawing.view.first}-{drawing.view.name}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        out = csv.writer(response)
        out.writerow(["period", "l" if drawing.measure is WATER else "wh", "known", "estimated"])
        for bar in drawing.bars:
            amount = "" if bar.amount is None else f"{bar.amount:.3f}"
            out.writerow([bar.name, amount, f"{min(bar.known, 1):.4f}", int(bar.is_estimated)])
        return response
