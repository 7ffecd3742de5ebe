"""Giving a client a plan, and saying which metering points it pays for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from billing.models import Subscription, SubscriptionPoint
from meters.models import MeteringPoint


def save_subscription(
    subscription: Subscription,
    values: dict[str, Any],
    points: Sequence[MeteringPoint] | None = None,
) -> Subscription:
    """Set, check and save; `points` replace the ones there are, None leaves them.

    Raises ValidationError, for example when another subscription pays for a point already.
    """
    for name, value in values.items():
        setattr(subscription, name, value)
    subscription.clean_fields(exclude={"tenant"})
    subscription.clean()
    subscription.save()
    if points is not None:
        _replace_points(subscription, points)
    return subscription


def _replace_points(subscription: Subscription, points: Sequence[MeteringPoint]) -> None:
    wanted = {point.pk: point for point in points}
    subscription.points.exclude(metering_point__in=wanted).delete()
    known = set(subscription.points.values_list("metering_point", flat=True))
    for key, point in wanted.items():
        if key not in known:
            row = SubscriptionPoint(subscription=subscription, metering_point=point)
            row.clean()
            row.save()
