"""Meters: the list, and the page that shows what one of them measured."""

from __future__ import annotations

import csv
from datetime import date, datetime
from decimal import ROUND_HALF_UP
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from clients.kernel import show, when
from clients.kernel.admin import office_page
from clients.kernel.chips import chip, look
from clients.kernel.detail import DetailAdmin
from clients.kernel.listing import Card, state_cards
from clients.kernel.panels import Figure, figures_of
from clients.kernel.periods import day_start, month_of
from clients.kernel.tenancy import current_actor
from clients.kernel.verbs import verb
from meters.admin.analysis import live_value, load_csv, zoomed
from meters.admin.clocks import clock_words
from meters.admin.dialogs import (
    EstimateDialog,
    ExchangeDialog,
    FillInDialog,
    InstallDialog,
    MultiplierDialog,
    RemoveDialog,
)
from meters.models import Installation, Meter, MeterKind
from meters.selectors import presence, series
from meters.selectors.series import WATER, Summary
from meters.selectors.view import Drawing, MeterPeriod, View, amounts, draw
from meters.services.editing import edit_interval, estimate_gap
from meters.services.installations import (
    change_multiplier,
    exchange_meter,
    install_meter,
    keep_meter,
    remove_meter,
)

look("online", "good", "sensors")
look("silent", "bad", "sensors_off")
look("never", "plain", "hourglass_empty")
SITUATIONS = {
    "online": gettext_lazy("Communicating"),
    "silent": gettext_lazy("Not communicating"),
    "never": gettext_lazy("No reading yet"),
}
VIEW_NAMES = {
    "day": gettext_lazy("Day"),
    "week": gettext_lazy("Week"),
    "month": gettext_lazy("Month"),
    "year": gettext_lazy("Year"),
}
COMPLETE = 0.999


@office_page(Meter)
class MeterAdmin(DetailAdmin):
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
        serving = Prefetch("installations", presence.serving(), to_attr="serving")
        return presence.with_presence(meters).prefetch_related(serving)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change:
            keep_meter(obj, form.changed_data)

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
        client = client_of(meter)
        if client is None:
            return format_html('<span class="p-faint">{}</span>', _("not installed"))
        link = reverse("admin:clients_client_change", args=[client.public_id])
        return format_html('<a class="p-link" href="{}">{}</a>', link, client.name)

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
            "newest": series.newest_day(subject, zone),
        }

    def get_urls(self) -> list[URLPattern]:
        own = {
            "readings.csv": (self.csv_view, "meters_meter_csv"),
            "load.csv": (self.load_csv_view, "meters_meter_load_csv"),
            "zoom.json": (self.zoom_view, "meters_meter_zoom"),
            "now.json": (self.now_view, "meters_meter_now"),
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

    @verb(
        gettext_lazy("Install"),
        icon="add_location_alt",
        title=gettext_lazy("Install this meter"),
        text=gettext_lazy("From then on its readings count for the place."),
        submit=gettext_lazy("Install"),
        form=InstallDialog,
        variant=ActionVariant.PRIMARY,
    )
    def install(self, request: HttpRequest, form: Any, meter: Meter) -> str:
        filled = form.cleaned_data
        point, register = filled["metering_point"], filled["start_register"]
        install_meter(
            meter,
            point,
            at=filled["since"],
            start_register=register,
            multiplier=filled["multiplier"],
        )
        return _("%(meter)s measures %(place)s now.") % {"meter": meter, "place": point}

    @verb(
        gettext_lazy("Exchange meter"),
        icon="swap_horiz",
        title=gettext_lazy("Exchange meter"),
        text=gettext_lazy(
            "Note the last reading of the old meter and the first of the new one; nothing is lost."
        ),
        submit=gettext_lazy("Exchange"),
        form=ExchangeDialog,
        variant=ActionVariant.PRIMARY,
    )
    def exchange(self, request: HttpRequest, form: Any, meter: Any) -> str:
        filled = form.cleaned_data
        exchange_meter(
            meter.serving[0].metering_point,
            filled["new_meter"],
            at=filled["since"],
            end_register=filled["end_register"],
            start_register=filled["start_register"],
            multiplier=filled["multiplier"],
            author=who(),
        )
        return _("%(meter)s took over.") % {"meter": filled["new_meter"]}

    @verb(
        gettext_lazy("Take down"),
        icon="sensors_off",
        title=gettext_lazy("Take this meter down?"),
        text=gettext_lazy("From then on its readings no longer count for the place."),
        submit=gettext_lazy("Take down"),
        form=RemoveDialog,
    )
    def take_down(self, request: HttpRequest, form: Any, meter: Any) -> str:
        filled = form.cleaned_data
        remove_meter(meter.serving[0], at=filled["since"], end_register=filled["end_register"])
        return _("%(meter)s serves no place any more.") % {"meter": meter}

    @verb(
        gettext_lazy("Change the multiplier"),
        icon="close",
        title=gettext_lazy("Other transformers"),
        text=gettext_lazy("Before and after, each stretch keeps the multiplier it had."),
        submit=gettext_lazy("Change"),
        form=MultiplierDialog,
    )
    def change_multiplier(self, request: HttpRequest, form: Any, meter: Any) -> str:
        filled = form.cleaned_data
        change_multiplier(
            meter.serving[0],
            filled["multiplier"],
            at=filled["since"],
            register=filled["register"],
            author=who(),
        )
        return _("The multiplier is changed; use is computed again.")

    @verb(
        gettext_lazy("Type what was used"),
        icon="edit",
        title=gettext_lazy("Type what was used"),
        text=gettext_lazy(
            "It stands above the readings, spread evenly, with your name and reason. You can take "
            "it back."
        ),
        submit=gettext_lazy("Keep it"),
        form=FillInDialog,
    )
    def fill_in(self, request: HttpRequest, form: Any, meter: Any) -> str:
        filled = form.cleaned_data
        amount = int((filled["amount"] * 1000).to_integral_value(ROUND_HALF_UP))
        edit_interval(meter, filled["period"], amount, reason=filled["reason"], author=who())
        return _("Kept; use is computed again within a minute.")

    @verb(
        gettext_lazy("Estimate a gap"),
        icon="query_stats",
        title=gettext_lazy("Estimate a gap"),
        text=gettext_lazy("Only what is not known is filled; readings that come late replace it."),
        submit=gettext_lazy("Estimate"),
        form=EstimateDialog,
    )
    def estimate(self, request: HttpRequest, form: Any, meter: Any) -> str:
        filled = form.cleaned_data
        estimate_gap(
            meter, filled["period"], filled["method"], author=who(), reason=filled["reason"]
        )
        return _("Estimated; it is marked as such wherever it is shown.")


def who() -> str:
    """The member on whose behalf this runs."""
    actor = current_actor()
    return actor.label if actor else ""


def name_of(meter: Any) -> str:
    """The place a meter serves, which is how people call it; its number when it serves none."""
    return str(meter.serving[0].metering_point) if meter.serving else meter.serial


def client_of(meter: Any) -> Any:
    return meter.serving[0].metering_point.site.client if meter.serving else None


def zone_of(meter: Any) -> ZoneInfo:
    """The zone of the place; days of a meter in the store are UTC's."""
    installed = meter.serving or list(
        Installation.objects.filter(meter=meter).select_related("metering_point__site")[:1]
    )
    return installed[0].metering_point.site.zone if installed else ZoneInfo("UTC")


def zone_name(request: Any, zone: ZoneInfo, at: datetime) -> str:
    """`horário de Paris (UTC+1)`, said when it is not the company's own."""
    if zone.key == request.tenant.time_zone:
        return ""
    offset = zone.utcoffset(at)
    hours = offset.total_seconds() / 3600 if offset else 0
    sign = show.MINUS if hours < 0 else "+"
    city = zone.key.rpartition("/")[2].replace("_", " ")
    return _("%(city)s time (UTC%(offset)s)") % {"city": city, "offset": f"{sign}{abs(hours):g}"}


FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(2199, 12, 31)  # what an address may ask for


def asked_view(request: HttpRequest, meter: Meter, zone: ZoneInfo) -> View:
    """The view in the address; without one, the newest day that has readings."""
    name = request.GET.get("view", "day")
    try:
        on = date.fromisoformat(request.GET.get("on", ""))
    except ValueError:
        on = series.newest_day(meter, zone) or timezone.localdate(timezone=zone)
    return View(name if name in VIEW_NAMES else "day", min(max(on, FIRST_DAY), LAST_DAY))


def starts_of(view: View) -> list[date]:
    """When each bar of the view begins, and the last one ends; nothing for hours."""
    if view.name == "day":
        return []
    days = [*view.days, view.after]
    return [day for day in days if day.day == 1] if view.name == "year" else days


def period_of(meter: Any, drawing: Drawing, zone: ZoneInfo) -> MeterPeriod:
    point = meter.serving[0].metering_point if meter.serving else None
    return MeterPeriod(meter, point, drawing.view.period(zone), drawing.summary.amount)


def own_figures(drawing: Drawing, zone: ZoneInfo) -> list[Figure]:
    """Amount with its completeness, peak with the base load, comparison over the same hours."""
    write, summary = amounts(drawing.measure), drawing.summary
    is_water = drawing.measure is WATER
    known = _("%(share)s of the data") % {"share": show.percent(min(summary.known, 1))}
    names = {"volume": _("Volume"), "energy": _("Energy")}
    amount = write(summary.amount) if summary.amount is not None else "—"
    found = [Figure(names[drawing.measure.unit], amount, known)]
    if summary.peak is not None and drawing.view.name == "day":
        peak = f"{show.number(summary.peak)} L/h" if is_water else show.power(summary.peak)
        base = (
            f"{show.number(summary.base or 0)} L/h" if is_water else show.power(summary.base or 0)
        )
        at = datetime.fromtimestamp(summary.peak_at or 0, zone)
        note = _("at %(time)s · always on: %(base)s") % {"time": f"{at:%H:%M}", "base": base}
        found.append(Figure(_("Peak"), peak, note))
    elif summary.peak is not None:
        found.append(Figure(_("Highest"), write(summary.peak)))
    found.append(comparison(summary, drawing.view))
    return found


def comparison(summary: Summary, view: View) -> Figure:
    notes = {
        "day": _("than the day before, in the same hours"),
        "week": _("than the week before, on the same days"),
        "month": _("than the month before, on the same days"),
        "year": _("than the year before, in the same months"),
    }
    if summary.same_hours is None:
        return Figure(_("Comparison"), "—", _("nothing to compare with"))
    mark = "▲" if summary.same_hours > 0 else "▼"
    text = f"{mark} {show.percent(abs(summary.same_hours))}"
    return Figure(_("Comparison"), text, notes[view.name])


def missing_words(summary: Summary, zone: ZoneInfo) -> tuple[str, str] | None:
    """How much is missing, and when: `1 h 45 min`, `11:20 às 13:05`."""
    if not summary.missing or summary.known >= COMPLETE:
        return None
    whole = sum((hole.duration for hole in summary.missing), start=summary.missing[0].duration * 0)
    spans = [when.span(hole.start, hole.end, zone) for hole in summary.missing[:3]]
    more = len(summary.missing) - len(spans)
    if more > 0:
        spans.append(_("and %(n)d more") % {"n": more})
    return when.duration(whole), ", ".join(spans)
