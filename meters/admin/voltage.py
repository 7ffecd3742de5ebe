"""The page of a metering point's voltage: DRP and DRC of a week, to read and to print."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.widgets import UnfoldAdminDateWidget

from clients.kernel import show, when
from clients.kernel.chips import look
from clients.kernel.forms import MoneyField
from clients.kernel.sites import tenant_site
from meters.errors import NotEnoughData
from meters.models import MeteringPoint
from meters.selectors.voltage import Verdict, VoltageQuality, voltage_quality

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 1)
WEEK_AND_A_DAY: Final = timedelta(days=8)
look("within", "good", "check_circle")
look("outside", "bad", "error")

# How `meters/data/prodist_*.csv` name their sources, as people read it.
SOURCES: Final[dict[str, Any]] = {
    "constants in public code; every value is nominal x 0.87/0.92/1.05/1.06, rounded": gettext_lazy(
        "Public programs that agree with each other: the nominal voltage times 0.87, 0.92, 1.05 "
        "and 1.06, rounded."
    ),
    "reproduces all eleven rows of prodist_voltage.csv": gettext_lazy(
        "Factors that give every row of the table of nominal voltages."
    ),
}


class VoltageForm(forms.Form):
    """Which week; the charge for the grid gives an estimate of the compensation."""

    start = forms.DateField(label=gettext_lazy("First day"), widget=UnfoldAdminDateWidget)
    eusd = MoneyField(
        label=gettext_lazy("Grid charge of the month (EUSD)"), required=False, minimum_cents=0
    )


@dataclass(frozen=True, slots=True)
class ShownVerdict:
    """A verdict in the reader's numbers."""

    code: str
    drp: str
    drc: str
    replaced: int
    rows: list[tuple[str, ...]]

    @classmethod
    def of(cls, found: Verdict) -> ShownVerdict:
        return cls(
            "within" if found.is_within else "outside",
            share(found.drp_percent),
            share(found.drc_percent),
            found.replaced,
            [
                (
                    phase.phase.upper(),
                    show.number(phase.adequate),
                    show.number(phase.precarious),
                    show.number(phase.critical),
                    share(phase.drp_percent),
                    share(phase.drc_percent),
                    f"{show.number(phase.lowest_v, 1)} – {show.measure(phase.highest_v, 'V', 1)}",
                )
                for phase in found.phases
            ],
        )


def share(percent: Any) -> str:
    return show.percent(percent / 100, 3)


def voltage_page(request: HttpRequest, point: MeteringPoint) -> HttpResponse:
    """What the week says, or what is missing for it to say something."""
    usual = timezone.localdate(timezone=point.site.zone) - WEEK_AND_A_DAY
    form = VoltageForm(request.GET if "start" in request.GET else None, initial={"start": usual})
    asked: dict[str, Any] = form.cleaned_data if form.is_bound and form.is_valid() else {}
    start = min(max(asked.get("start") or usual, FIRST_DAY), LAST_DAY)
    found: VoltageQuality | None = None
    refusal = ""
    try:
        found = voltage_quality(point, start, now=timezone.now(), eusd_cents=asked.get("eusd"))
    except NotEnoughData as refused:
        refusal = str(refused)
    context = {
        **tenant_site.each_context(request),
        "title": gettext_lazy("Voltage of %(point)s") % {"point": point},
        "form": form,
        "point": point,
        "span": f"{when.paper_day(start)} – {when.paper_day(start + timedelta(days=6))}",
        "found": found,
        "verdict": ShownVerdict.of(found.verdict) if found else None,
        "purged": ShownVerdict.of(found.purged) if found and found.purged else None,
        "bands": _bands(found) if found else [],
        "source": _source(found) if found else "",
        "compensation": show.money(found.compensation_cents)
        if found and found.compensation_cents is not None
        else "",
        "refusal": refusal,
    }
    seen: Any = request
    seen.current_app = tenant_site.name
    return TemplateResponse(request, "meters/voltage.html", context)


def _source(found: VoltageQuality) -> Any:
    """Where the bands come from; the sources of the data files in words."""
    return SOURCES.get(found.bands.source, found.bands.source)


def _bands(found: VoltageQuality) -> list[tuple[Any, str]]:
    b = found.bands
    low, high = show.number(b.adequate_from_v), show.number(b.adequate_to_v)
    lowest, highest = show.number(b.critical_below_v), show.number(b.critical_above_v)
    return [
        (pgettext_lazy("voltage", "Adequate"), f"{low}–{high} V"),
        (pgettext_lazy("voltage", "Precarious"), f"{lowest}–{low} V, {high}–{highest} V"),
        (pgettext_lazy("voltage", "Critical"), f"< {lowest} V, > {highest} V"),
    ]
