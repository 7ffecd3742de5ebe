"""`/health/live`, `/health/ready` (also `/health`) and `/metrics`, before anything else looks.

A middleware and not routes: an orchestrator's probe has no session, no host name of ours and no
patience, and must be answered also when all that is broken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from monitoring.selectors.health import FAILED, checks, status_of
from monitoring.web.metrics import metrics

Answer = Callable[[HttpRequest], HttpResponse]
UNAVAILABLE: Final = 503


def live(request: HttpRequest) -> HttpResponse:
    """The process answers. Touches nothing else."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    """Each check with its time and a sentence; 503 only when requests cannot be answered.

    Work that waits (scheduler, due rows) or a lost Valkey is `degraded` with 200: taking every web
    process out of service would not heal it.
    """
    found = checks()
    status = status_of(found)
    return JsonResponse(
        {
            "status": status,
            "at": timezone.now().isoformat(),
            "checks": [check.as_json() for check in found],
        },
        status=UNAVAILABLE if status == FAILED else 200,
        json_dumps_params={"ensure_ascii": False},
    )


PROBES: Final[dict[str, Answer]] = {
    "/health": ready,
    "/health/ready": ready,
    "/health/live": live,
    "/metrics": metrics,
}


class ProbeMiddleware:
    """Answers probes first, with and without a slash at the end."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path.rstrip("/"))
        if probe is None:
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        response = probe(request)
        response["Cache-Control"] = "no-store"
        return response
