"""`/metrics` in Prometheus' text format: requests, database ages, and the business in numbers."""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Iterable
from typing import Final

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from monitoring.selectors.business import business_figures
from monitoring.selectors.health import checks, due_ages, job_ages

MULTIPROCESS: Final = "PROMETHEUS_MULTIPROC_DIR"


class FromDatabase:
    """Figures that are true in the database, asked when somebody looks."""

    def collect(self) -> Iterable[Metric]:
        state = GaugeMetricFamily("pulso_check_ok", "1 when the check passes.", labels=["check"])
        for check in checks():
            state.add_metric([check.name], float(check.ok))
        yield state
        try:
            yield from self._ages()
            yield from self._business()
        except DatabaseError:
            return

    def _ages(self) -> Iterable[Metric]:
        due = GaugeMetricFamily(
            "pulso_oldest_due_seconds", "Age of the oldest due and unleased row.", labels=["table"]
        )
        for table, age in due_ages().items():
            due.add_metric([table], age)
        jobs = GaugeMetricFamily(
            "pulso_job_age_seconds", "Seconds since the periodic job last began.", labels=["job"]
        )
        for job, age in job_ages().items():
            jobs.add_metric([job], age)
        yield due
        yield jobs

    def _business(self) -> Iterable[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for figure in business_figures():
            family = families.setdefault(
                figure.name,
                GaugeMetricFamily(f"pulso_{figure.name}", figure.about, labels=["state"]),
            )
            family.add_metric([figure.state], figure.value)
        yield from families.values()


def metrics(request: HttpRequest) -> HttpResponse:
    """All processes' figures together. With METRICS_TOKEN it is a bearer token; else loopback."""
    if not may_read(request):
        answer = {"code": "metrics_refused", "detail": _("These figures need the metrics token.")}
        return JsonResponse(answer, status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = REGISTRY
    if os.environ.get(MULTIPROCESS):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # prometheus_client
    ours = CollectorRegistry()
    ours.register(FromDatabase())  # type: ignore[arg-type] # collects, which is all it needs
    page = generate_latest(registry) + generate_latest(ours)
    return HttpResponse(page, content_type=CONTENT_TYPE_LATEST)


def may_read(request: HttpRequest) -> bool:
    """Whether the caller shows the token; without one set, whether it is this machine."""
    if settings.METRICS_TOKEN:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return hmac.compare_digest(shown.encode(), settings.METRICS_TOKEN.encode())
    if "X-Forwarded-For" in request.headers:  # a proxy on this machine speaks for someone else
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
