"""The page of a meter's statistics: one quantity, two that go together, the phases."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from clients.kernel import show, when
from clients.kernel.errors import DomainError
from clients.kernel.periods import Period, day_start
from clients.kernel.sites import tenant_site
from meters.admin import study_plots as plots
from meters.admin.analysis import newest_of
from meters.models import Meter, MeterKind, Reading
from meters.models.quantities import NAMES, REGISTERS
from meters.models.quantity_words import heading, label, unit_of
from meters.selectors import statistics
from meters.selectors.calculated import Calculated, calculated
from meters.selectors.columns import SUMS, series
from meters.selectors.places import name_of, with_serving, zone_of
from meters.selectors.series import measure_of

USUAL: Final = timedelta(days=6)  # before the newest day
MOMENT: Final = timedelta(minutes=15)  # a day that begins with the last reading is none
TELLING: Final = ("temperature_c", "voltage_l1_v")  # what other quantities often follow
LONGEST: Final = timedelta(days=366)
LOOKED_AT: Final = 200  # readings that say what a meter measures
MOST_METERS: Final = 1_000
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 1)
STEPS: Final = (
    (60, gettext_lazy("1 minute")),
    (300, gettext_lazy("5 minutes")),
    (900, gettext_lazy("15 minutes")),
    (3_600, gettext_lazy("1 hour")),
)


def _choice(title: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=title, required=False, widget=UnfoldAdminSelectWidget)


def _number(title: Any) -> forms.FloatField:
    widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"})
    return forms.FloatField(label=title, required=False, localize=True, widget=widget)


def _day(title: Any) -> forms.DateField:
    return forms.DateField(label=title, required=False, widget=UnfoldAdminDateWidget)


class StudyForm(forms.Form):
    """What is looked at. What is left out is answered with the usual."""

    start = _day(gettext_lazy("From"))
    until = _day(gettext_lazy("Until"))
    quantity = _choice(pgettext_lazy("of a meter", "Quantity"))
    lsl = _number(gettext_lazy("Lower limit"))
    usl = _number(gettext_lazy("Upper limit"))
    x = _choice(gettext_lazy("When this changes"))
    y = _choice(gettext_lazy("what does this do?"))
    other = _choice(gettext_lazy("of the meter"))
    step = _choice(gettext_lazy("Means of"))

    def __init__(self, said: Any, usual: dict[str, Any], names: list[str], **choices: Any) -> None:
        super().__init__({name: said.get(name) or usual.get(name, "") for name in self.base_fields})
        quantities = [(name, heading(name)) for name in names]
        for name in ("quantity", "x", "y"):
            self._offer(name, quantities)
        self._offer("other", choices["meters"])
        self._offer("step", [(str(seconds), text) for seconds, text in STEPS])

    def _offer(self, name: str, choices: Any) -> None:
        field: Any = self.fields[name]
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        filled = super().clean() or {}
        start, until = filled.get("start"), filled.get("until")
        if start and until:
            if until < start:
                raise ValidationError(_("The end must come after the start."))
            if until - start >= LONGEST:
                raise ValidationError(_("This period is too long."))
            if start < FIRST_DAY or until > LAST_DAY:
                raise ValidationError(_("This period is too long."))
        return filled


def study_page(request: HttpRequest, meter: Meter) -> HttpResponse:
    """Statistics, capability, regression and calculated values of days that one chooses."""
    now = timezone.now()
    zone = zone_of(meter)
    form = form_of(request, meter, zone)
    context: dict[str, Any] = {
        **tenant_site.each_context(request),
        "title": _("Statistics of %(name)s") % {"name": name_of(meter)},
        "subject": meter,
        "form": form,
        "is_water": meter.kind == MeterKind.WATER,
    }
    if form.is_valid():
        asked = form.cleaned_data
        period = Period(
            day_start(asked["start"], zone), day_start(asked["until"] + timedelta(days=1), zone)
        )
        context["figures"], context["no_figures"] = tried(
            lambda: figures(meter, asked, period, now)
        )
        context["fit"], context["no_fit"] = tried(lambda: fit(meter, asked, period))
        context["phases"], context["no_phases"] = tried(
            lambda: phases(calculated(meter, period), zone)
        )
    seen: Any = request
    seen.current_app = tenant_site.name
    return TemplateResponse(request, "meters/study.html", context)


def form_of(request: HttpRequest, meter: Meter, zone: ZoneInfo) -> StudyForm:
    """The form as it was filled in, and else the last seven days of what the meter measures."""
    ends = newest_of(meter, timezone.now()) - MOMENT
    newest = ends.astimezone(zone).date()
    names = measured_by(meter)
    usual_name = next((n for n in (measure_of(meter).sample, *names) if n in names), "")
    others = [name for name in names if name != usual_name and name not in SUMS]
    usual = {
        "start": newest - USUAL,
        "until": newest,
        "quantity": usual_name,
        "x": next((name for name in (*TELLING, *others) if name in others), usual_name),
        "y": usual_name,
        "other": str(meter.public_id),
        "step": "900",
    }
    rows = Meter.objects.filter(is_active=True).exclude(pk=meter.pk)
    listed: Any = rows.prefetch_related(with_serving("installations"))[:MOST_METERS]
    meters = [(str(each.public_id), f"{name_of(each)} · {each.serial}") for each in listed]
    own = (str(meter.public_id), _("this meter"))
    return StudyForm(request.GET, usual, names, meters=[own, *meters])


def measured_by(meter: Meter) -> list[str]:
    """The quantities that the newest readings have; a register is looked at as its amounts."""
    rows = Reading.objects.filter(meter_id=meter.pk).order_by("-measured_at")
    said = {
        name
        for row in rows.values(*NAMES)[:LOOKED_AT]
        for name, value in row.items()
        if value is not None
    }
    sums = ["volume"] if meter.kind == MeterKind.WATER else ["energy_import", "energy_export"]
    registers = {"energy_import_wh": "energy_import", "energy_export_wh": "energy_export"}
    counted = {registers.get(name, "volume") for name in said if name in REGISTERS}
    kept = [name for name in sums if name in counted] or sums[:1]
    return [*(name for name in NAMES if name in said and name not in REGISTERS), *kept]


def tried(question: Any) -> tuple[Any, str]:
    """The answer, or the sentence that says why there is none."""
    try:
        return question(), ""
    except DomainError as refused:
        return None, str(refused)


def figures(meter: Meter, asked: dict[str, Any], period: Period, now: Any) -> dict[str, Any]:
    """The statistics of a quantity, and how it keeps to the limits that were typed."""
    name, lsl, usl = asked["quantity"], asked["lsl"], asked["usl"]
    found = statistics.summary(meter, name, period)
    zone = zone_of(meter)
    whole = series(meter, [name], period, now=now)
    capability, refused = None, ""
    if lsl is not None or usl is not None:
        capability, refused = tried(
            lambda: statistics.capability(meter, name, period, lsl=lsl, usl=usl)
        )
    return {
        "name": label(name),
        "min": written(found.min, name),
        "min_at": when.moment(found.min_at, zone),
        "max": written(found.max, name),
        "max_at": when.moment(found.max_at, zone),
        "mean": written(found.mean, name),
        "weighted": ""
        if found.time_weighted_mean is None
        else written(found.time_weighted_mean, name),
        "std": written(found.std, name),
        "count": show.number(found.count),
        "known": show.percent(min(whole.known, 1)),
        "percentiles": [
            (f"P{code.removeprefix('p')}", written(value, name))
            for code, value in found.percentiles.items()
        ],
        "plot": plots.histogram(found, [limit for limit in (lsl, usl) if limit is not None]),
        "capability": _capability(capability) if capability else None,
        "refused": refused,
    }


def _capability(found: statistics.Capability) -> dict[str, str]:
    return {
        "cp": "—" if found.cp is None else show.number(found.cp, 2),
        "cpk": show.number(found.cpk, 2),
        "outside": show.number(found.outside),
        "share": show.percent(found.outside / found.count, 1),
    }


def fit(meter: Meter, asked: dict[str, Any], period: Period) -> dict[str, Any]:
    """How one quantity follows another, with the points."""
    x, y, step = asked["x"], asked["y"], int(asked["step"])
    other = Meter.objects.filter(public_id=asked["other"]).first() or meter
    found = statistics.regression(meter, x, y, period, step_s=step, other=other)
    points = statistics.pairs(meter, x, y, period, step_s=step, other=other)
    per = f"{unit_of(y) or '1'}/{unit_of(x) or '1'}"
    return {
        "slope": f"{figure(found.slope)}{show.NBSP}{per}",
        "intercept": written(found.intercept, y),
        "r2": "—" if found.r2 is None else show.number(found.r2, 3),
        "n": show.number(found.n),
        "dropped": show.number(found.dropped) if found.dropped else "",
        "x": heading(x),
        "y": heading(y) + ("" if other == meter else f" · {name_of(other)}"),
        "plot": plots.scatter(points, found),
    }


def phases(found: Calculated, zone: ZoneInfo) -> dict[str, Any]:
    """What follows from voltage, current and power, as words."""
    unbalance = [found.voltage_unbalance_percent, found.current_unbalance_percent]
    return {
        "at": when.moment(found.last_at, zone),
        "readings": show.number(found.readings),
        "active": found.active_phases,
        "power": show.power(found.power_w),
        "apparent": show.measure(found.apparent_power_va, "VA"),
        "factor": show.number(found.power_factor, 3),
        "volts": "—" if unbalance[0] is None else show.percent(unbalance[0] / 100, 2),
        "amps": "—" if unbalance[1] is None else show.percent(unbalance[1] / 100, 2),
        "rows": [
            (
                f"L{row.phase}",
                show.measure(row.voltage_v, "V", 1),
                show.measure(row.current_a, "A", 2),
                show.measure(row.apparent_power_va, "VA"),
            )
            for row in found.phases
        ],
    }


def figure(value: float) -> str:
    """A number with about four digits that say something."""
    size = abs(value)
    places = next((n for n, least in enumerate((1_000, 100, 1, 0.01)) if size >= least), 6)
    return show.number(value, places if value else 0)


def written(value: float, name: str) -> str:
    """`1.234 W`, `0,9312`."""
    unit = unit_of(name)
    return f"{figure(value)}{show.NBSP}{unit}" if unit else figure(value)
