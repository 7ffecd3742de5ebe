"""The health of all meters on one page."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clients.kernel import show, when
from clients.kernel.sites import tenant_site
from meters.admin.meter import SITUATIONS
from meters.selectors.health import ORDERS, PAGE, MeterHealth, health
from meters.selectors.health import SITUATIONS as STATES

LAST_PAGE: Final = 100_000
LONGEST_SEARCH: Final = 80
STATE_NAMES: Final = {
    "": gettext_lazy("All"),
    "online": gettext_lazy("Communicating"),
    "silent": gettext_lazy("Not communicating"),
    "never": gettext_lazy("No reading yet"),
    "incomplete": gettext_lazy("Incomplete in 7 days"),
    "odd": gettext_lazy("With something odd"),
}
COLUMNS: Final = {  # what a first and a second click sort by
    "name": ("name", "name", gettext_lazy("Meter")),
    "seen": ("-seen", "seen", gettext_lazy("Last reading")),
    "week": ("week", "-week", gettext_lazy("Data in 7 days")),
    "open": ("open", "open", gettext_lazy("To check")),
}
LOW: Final = 0.95


@tenant_site.page("meters/health/", "meters_health")
def fleet_page(request: HttpRequest) -> HttpResponse:
    """Fifty meters a page, those in trouble first."""
    if not request.user.has_perm("meters.view_meter"):
        raise PermissionDenied
    search = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    state = request.GET.get("state", "")
    order = request.GET.get("order", "")
    state, order = state if state in STATES else "", order if order in ORDERS else "-seen"
    page = _number(request.GET.get("page", ""))
    now = timezone.now()
    found = health(now=now, search=search, state=state, order=order, page=page)
    asked = {"q": search, "state": state, "order": order}
    whole = sum(found.counts[name] for name in ("online", "silent", "never"))
    context = {
        **tenant_site.each_context(request),
        "title": _("Health of the meters"),
        "search": search,
        "state": state,
        "order": order,
        "cards": [
            {
                "name": name,
                "count": found.counts[code] if code else whole,
                "query": _query(asked, state=code),
                "is_current": code == state,
            }
            for code, name in STATE_NAMES.items()
        ],
        "columns": {
            key: {
                "text": text,
                "query": _query(asked, order=turned if order == first else first),
                "sort": _sort(order, key),
            }
            for key, (first, turned, text) in COLUMNS.items()
        },
        "rows": [_row(row, now) for row in found.rows],
        "total": found.total,
        "earlier": _query(asked, page=page - 1) if page > 1 else "",
        "later": _query(asked, page=page + 1) if page * PAGE < found.total else "",
        "page": page,
        "pages": max(1, -(-found.total // PAGE)),
    }
    seen: Any = request
    seen.current_app = tenant_site.name
    return TemplateResponse(request, "meters/fleet.html", context)


def _number(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(LAST_PAGE))
    return min(max(int(text), 1), LAST_PAGE) if is_number else 1


def _query(asked: dict[str, str], **changes: Any) -> str:
    said = {**asked, **changes}
    return "?" + urlencode({name: value for name, value in said.items() if value})


def _sort(order: str, key: str) -> str:
    """`aria-sort` of a column. Seen and complete count upwards from the worst."""
    if order.removeprefix("-") != key:
        return ""
    is_falling = {"seen": order == "seen", "week": order == "-week", "open": True}.get(key, False)
    return "descending" if is_falling else "ascending"


def _row(row: MeterHealth, now: Any) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "name": row.name,
        "serial": row.serial,
        "client": row.client,
        "state": row.situation,
        "state_name": SITUATIONS[row.situation],
        "seen": when.ago(row.seen_at, now) if row.seen_at else "",
        "seen_at": row.seen_at,
        "day": show.percent(row.day_share),
        "week": show.percent(row.week_share),
        "week_share": row.week_share,
        "is_low": row.week_share < LOW and row.seen_at is not None,
        "clock": _clock(row),
        "every": _every(row),
        "to_check": show.number(row.to_check) if row.to_check else "",
        "alarms": show.number(row.alarms) if row.alarms else "",
        "waiting": show.number(row.waiting) if row.waiting else "",
    }


def _clock(row: MeterHealth) -> str:
    if row.clock is None or row.clock.state == "right":
        return ""
    seconds = row.clock.skew_s or 0
    if row.clock.state == "wrong":
        return _("impossible clock")
    text = _("clock %(n)s ahead") if seconds < 0 else _("clock %(n)s behind")
    return text % {"n": _seconds(round(abs(seconds)))}


def _every(row: MeterHealth) -> str:
    if row.every_s is None:
        return ""
    text = _seconds(row.every_s)
    if row.expected_every_s and row.every_s > 2 * row.expected_every_s:
        return _("%(every)s, expected %(expected)s") % {
            "every": text,
            "expected": _seconds(row.expected_every_s),
        }
    return text


def _seconds(seconds: int) -> str:
    if seconds >= 120:  # noqa: PLR2004 - two minutes read better than 120 s
        return show.measure(round(seconds / 60), "min")
    return show.measure(seconds, "s")
