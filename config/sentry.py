"""Reports of errors to Sentry, when SENTRY_DSN names a place for them."""

from __future__ import annotations

from typing import Any

import sentry_sdk
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.integrations.django import DjangoIntegration

from clients.kernel.scrub import scrubbed

KEPT_OF_A_REQUEST = ("method", "url")


def start_sentry(dsn: str, environment: str, release: str) -> None:
    """Send unhandled errors to `dsn`, without what people wrote, who they are, or any secret."""
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=release or None,
        integrations=[DjangoIntegration(), CeleryIntegration(monitor_beat_tasks=False)],
        auto_enabling_integrations=False,
        default_integrations=True,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        traces_sample_rate=0.0,
        before_send=without_people,  # type: ignore[arg-type] # their TypedDict, our plain dict
        before_breadcrumb=lambda crumb, _: scrubbed(crumb),
    )


def without_people(event: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any]:
    """The event as it may leave the house."""
    request = event.get("request") or {}
    event["request"] = {name: request[name] for name in KEPT_OF_A_REQUEST if name in request}
    event.pop("server_name", None)
    user = event.get("user") or {}
    event["user"] = {"id": user["id"]} if "id" in user else {}
    result: dict[str, Any] = scrubbed(event)
    return result
