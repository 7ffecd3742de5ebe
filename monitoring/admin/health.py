"""System health: what the checks say, and how old waiting and periodic work is."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clients.kernel import when
from clients.kernel.chips import look
from clients.kernel.sites import tenant_site
from clients.kernel.work import Notice, Verb, WorkItem, notices, work
from monitoring.selectors.health import Check, checks, due_ages, job_ages, status_of
from monitoring.selectors.health_words import job_in_words, table_in_words

PERMISSION: Final = "clients.change_client"
FRESH_S: Final = 15.0
NAMES: Final[dict[str, Any]] = {
    "database": gettext_lazy("Database"),
    "migrations": gettext_lazy("Tables"),
    "cache": gettext_lazy("Cache"),
    "scheduler": gettext_lazy("Scheduler"),
    "due_rows": gettext_lazy("Waiting work"),
}
look("ok", "good", "check_circle")
look("degraded", "warn", "warning")
_seen: tuple[float, list[Check]] = (float("-inf"), [])


@tenant_site.page("health/", "health")
def health_page(request: HttpRequest) -> HttpResponse:
    """Every check with its time and a sentence."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    found = checks()
    context = {
        **tenant_site.each_context(request),
        "title": _("System health"),
        "status": status_of(found),
        "status_name": STATUS[status_of(found)],
        "checks": [(NAMES[check.name], check) for check in found],
        "jobs": sorted((job_in_words(name), span(age)) for name, age in ages()),
        "due": sorted(
            (table_in_words(table), span(age) if age else "") for table, age in due_ages().items()
        ),
    }
    request.current_app = tenant_site.name  # type: ignore[attr-defined] # Django's admin reads it
    return TemplateResponse(request, "monitoring/health.html", context)


STATUS: Final[dict[str, Any]] = {
    "ok": gettext_lazy("All is well"),
    "degraded": gettext_lazy("Work is waiting"),
    "failed": gettext_lazy("Out of order"),
}


def ages() -> list[tuple[str, float]]:
    return sorted(job_ages().items())


def span(seconds: float) -> str:
    return when.duration(timedelta(seconds=seconds))


@notices(PERMISSION)
def health_notices(now: datetime) -> Iterable[Notice]:
    """What is not well by its own name, and how much of the rest is."""
    found, link = recent_checks(), reverse("admin:health")
    for check in found:
        if not check.ok:
            yield Notice(f"{NAMES[check.name]}: {check.sentence}", "warn", link)
    well = sum(check.ok for check in found)
    text = _("%(well)d of %(all)d services are well") % {"well": well, "all": len(found)}
    yield Notice(text, "good", link)


@work(PERMISSION)
def late_work(now: datetime) -> Iterable[WorkItem]:
    """A scheduler that stopped, or work that nobody takes: somebody has to look."""
    found = {check.name: check for check in recent_checks() if not check.ok}
    late = [found[name] for name in ("scheduler", "due_rows") if name in found]
    if late:
        yield WorkItem(
            slug="late-work",
            severity="critical",
            icon="ecg_heart",
            title=_("Messages, payments and readings may be waiting"),
            detail=late[0].sentence,
            since=now,
            verb=Verb(_("See system health"), reverse("admin:health")),
        )


def recent_checks() -> list[Check]:
    """The checks, at most 15 s old, so that the home page does not pay for them each time."""
    global _seen
    looked_at, found = _seen
    if time.monotonic() - looked_at > FRESH_S:
        found = checks()
        _seen = (time.monotonic(), found)
    return found
