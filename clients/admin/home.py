"""The home page: what needs you, how the month is going, what just happened."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from clients.kernel import show, when
from clients.kernel.panels import HOME, cards_of, figures_of, timeline_of
from clients.kernel.work import MOST, notices_now, work_items

MORNING_ENDS = 12
AFTERNOON_ENDS = 18
FIGURES = 4


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Everything of the home page, from what the apps registered."""
    found: Any = request  # the middleware adds the tenant
    tenant, now = found.tenant, timezone.now()
    here = timezone.localtime(now, tenant.zone)
    work = work_items(now)
    parts = [(part, part.render(request, tenant)) for part in cards_of(HOME)]
    return {
        **context,
        "title": _("Home"),
        "own_h1": True,
        "hello": greeting(here.hour, found.user.get_short_name()),
        "today": long_date(here),
        "notices": notices_now(now),
        "work": work[:MOST],
        "work_count": len(work),
        "figures": figures_of(HOME, request, tenant)[:FIGURES],
        "main_cards": [html for part, html in parts if not part.side],
        "side_cards": [html for part, html in parts if part.side],
        "recent": timeline_of(HOME, tenant, 7),
        "live_url": "/api/v1/live",
        "zone": tenant.time_zone,
    }


def greeting(hour: int, name: str) -> str:
    if hour < MORNING_ENDS:
        return _("Good morning, %(name)s") % {"name": name}
    if hour < AFTERNOON_ENDS:
        return _("Good afternoon, %(name)s") % {"name": name}
    return _("Good evening, %(name)s") % {"name": name}


def long_date(here: Any) -> str:
    names = [
        _("Monday"),
        _("Tuesday"),
        _("Wednesday"),
        _("Thursday"),
        _("Friday"),
        _("Saturday"),
        _("Sunday"),
    ]
    name = names[here.weekday()]
    return f"{name.lower() if show.language() == 'pt' else name}, {when.long_day(here.date())}"
