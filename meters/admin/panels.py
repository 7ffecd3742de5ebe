"""What meters add to a client's page and to the pages of their own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.dataclasses import SearchResult

from clients.kernel import show, when
from clients.kernel.panels import card, panel
from clients.kernel.periods import month_of
from clients.kernel.permissions import may
from clients.kernel.search import MOST, found_by
from clients.models import Client
from meters.admin.clocks import clock_words
from meters.admin.edit import edited
from meters.admin.meter import SITUATIONS
from meters.admin.next_steps import link_to, sites_of
from meters.admin.register_event import events_of
from meters.admin.set_apart import said_in
from meters.models import (
    Conflict,
    Edit,
    Estimate,
    Handling,
    Meter,
    Quarantine,
)
from meters.models.interval import ML_PER_L, WS_PER_WH
from meters.selectors import presence
from meters.selectors.estimated import estimated_stretches
from meters.selectors.places import name_of, with_serving
from meters.selectors.register_events import measure, to_check_of
from meters.selectors.series import measure_of
from meters.selectors.view import amounts

SHOWN = 20


def meters_of(client: Client) -> Any:
    return Meter.objects.filter(
        installations__ends_at__isnull=True, installations__metering_point__site__client=client
    ).distinct()


def listed(client: Client) -> list[dict[str, Any]]:
    """The client's meters with state, last reading and this month's use, ready to show."""
    now = timezone.now()
    month = month_of(timezone.localdate(), ZoneInfo("UTC"))
    meters: Any = presence.with_presence(meters_of(client))
    meters = presence.with_use(meters, month.start.date(), month.end.date())
    meters = meters.prefetch_related(with_serving("installations"))
    rows = []
    for meter in meters[:SHOWN]:
        state = presence.situation(meter.seen_at, now)
        rows.append(
            {
                "name": name_of(meter),
                "meter": meter,
                "state": state,
                "state_name": SITUATIONS[state],
                "seen": when.ago(meter.seen_at, now) if meter.seen_at else "",
                "use": presence.use_of(meter),
            }
        )
    return rows


@panel(
    Client,
    "medidores",
    title=gettext_lazy("Meters"),
    template="meters/panels/meters.html",
    order=30,
    permission="meters.view_meter",
    count=lambda client: meters_of(client).count(),
)
def client_meters(request: HttpRequest, client: Client) -> dict[str, Any]:
    new_site = link_to("meters_site_add", client=client) if may("meters.add_site") else ""
    return {"rows": listed(client), "sites": sites_of(client), "new_site": new_site}


@card(
    Client, "meters", template="meters/panels/card.html", order=30, permission="meters.view_meter"
)
def client_meters_card(request: HttpRequest, client: Client) -> dict[str, Any]:
    return {"rows": listed(client)[:4]}


@panel(
    Meter,
    "qualidade",
    title=gettext_lazy("Data quality"),
    template="meters/panels/quality.html",
    order=10,
    permission="meters.view_meter",
    count=lambda meter: troubles(meter),
)
def quality(request: HttpRequest, meter: Meter) -> dict[str, Any]:
    """What was not simply measured: other answers for the same instant, impossible clocks."""
    stretches, count = estimated_stretches(meter, SHOWN)
    write = amounts(measure_of(meter))
    conflicts, quarantined = waiting(meter)
    return {
        "events": events_of(meter),
        "gaps": [
            {
                "row": row,
                "amount": measure(row.register, Decimal(row.amount) / unit_of(row.register)),
            }
            for row in Estimate.objects.filter(meter=meter)[:SHOWN]
        ],
        "edits": [
            {"row": row, "amount": edited(row)} for row in Edit.objects.filter(meter=meter)[:SHOWN]
        ],
        "clock": clock_words(meter, timezone.now()),
        "conflicts": [
            {"row": row, "said": said_in(row.reading)}
            for row in conflicts.order_by("-measured_at")[:SHOWN]
        ],
        "quarantined": quarantined.order_by("-received_at")[:SHOWN],
        "estimated": [
            {"row": row, "amount": "—" if row.amount is None else write(row.amount)}
            for row in stretches
        ],
        "more_estimated": show.number(count - len(stretches)) if count > len(stretches) else "",
    }


def unit_of(register: str) -> int:
    """How many of an interval's units are one of the register's."""
    return ML_PER_L if register in ("volume_l", "volume_ml") else WS_PER_WH


def waiting(meter: Meter) -> tuple[Any, Any]:
    """Contradictions and impossible times that nobody has decided about."""
    undecided = {"meter": meter, "status": Handling.WAITING}
    return Conflict.objects.filter(**undecided), Quarantine.objects.filter(**undecided)


def troubles(meter: Meter) -> int | None:
    return sum(rows.count() for rows in waiting(meter)) + (to_check_of(meter) or 0) or None


@found_by("meters.view_meter")
def meters(text: str) -> list[SearchResult]:
    found = Meter.objects.filter(serial__icontains=text) | Meter.objects.filter(
        installations__metering_point__name__icontains=text
    )
    serving = with_serving("installations")
    return [
        SearchResult(
            f"{name_of(meter)} · {meter.serial}",
            " · ".join([_("Meter"), meter.get_kind_display()]),
            reverse("admin:meters_meter_change", args=[meter.public_id]),
            "speed",
        )
        for meter in found.distinct().prefetch_related(serving)[:MOST]
    ]
