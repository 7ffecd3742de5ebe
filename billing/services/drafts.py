"""What invoices would say: prices times measured energy, in memory, nothing written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from billing.models import HoldReason, LineKind, Plan, Subscription, SubscriptionPoint
from billing.services.cycles import Span, span_of
from clients.kernel.money import round_half_up
from clients.kernel.periods import Period
from meters.models import MeteringPoint
from meters.selectors import MeteredEnergy, metered_energy

COMPLETE_ENOUGH = Decimal(95)  # percent; below it a person decides
WH_PER_KWH = 1000


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A line before it is written. `amount_cents` was rounded once, here."""

    kind: LineKind
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    amount_cents: int
    metering_point_id: int | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """An invoice before it is issued. `reason` says why it must wait for a person."""

    subscription: Subscription
    span: Span
    lines: Sequence[DraftLine]
    reason: HoldReason | None = None

    @property
    def total_cents(self) -> int:
        return sum(line.amount_cents for line in self.lines)


def spans_of(
    subscriptions: Iterable[Subscription], period: Period, zone: ZoneInfo
) -> dict[Subscription, Span]:
    """What each subscription with service in the period has to pay for."""
    spans = ((subscription, span_of(subscription, period, zone)) for subscription in subscriptions)
    return {subscription: span for subscription, span in spans if span}


def draft_invoices(spans: Mapping[Subscription, Span]) -> list[Draft]:
    """The invoices for these spans, priced with today's plan and readings."""
    points = _points_of(spans)
    energy = _energy_of(spans, points)
    return [
        _draft(subscription, span, points[subscription.pk], energy[span.period])
        for subscription, span in spans.items()
    ]


def _points_of(spans: Mapping[Subscription, Span]) -> dict[int, list[MeteringPoint]]:
    points: dict[int, list[MeteringPoint]] = defaultdict(list)
    priced = [subscription.pk for subscription in spans if subscription.plan.price_per_kwh]
    rows = SubscriptionPoint.objects.filter(subscription__in=priced)
    for row in rows.select_related("metering_point").order_by("id"):
        points[row.subscription_id].append(row.metering_point)
    return points


def _energy_of(
    spans: Mapping[Subscription, Span], points: Mapping[int, Sequence[MeteringPoint]]
) -> dict[Period, Mapping[int, MeteredEnergy]]:
    """One question to the meters for each distinct period, whatever the number of points."""
    wanted: dict[Period, list[int]] = defaultdict(list)
    for subscription, span in spans.items():
        wanted[span.period] += [point.pk for point in points[subscription.pk]]
    return {period: metered_energy(ids, period) if ids else {} for period, ids in wanted.items()}


def _draft(
    subscription: Subscription,
    span: Span,
    points: Sequence[MeteringPoint],
    energy: Mapping[int, MeteredEnergy],
) -> Draft:
    plan = subscription.plan
    lines = [fixed_line(plan, span)] if plan.fixed_cents else []
    lines += [energy_line(plan, point, energy[point.pk]) for point in points]
    return Draft(subscription, span, lines, _reason([energy[point.pk] for point in points]))


def _reason(used: Sequence[MeteredEnergy]) -> HoldReason | None:
    least = min((use.completeness_percent for use in used), default=Decimal(100))
    if least <= 0:
        return HoldReason.NO_DATA
    return HoldReason.INCOMPLETE if least < COMPLETE_ENOUGH else None


def fixed_line(plan: Plan, span: Span) -> DraftLine:
    """The plan's fixed price, in proportion to the days of service in the cycle."""
    return DraftLine(
        kind=LineKind.FIXED,
        description=plan.name,
        quantity=(Decimal(span.days) / span.cycle_days).quantize(Decimal("0.000001")),
        unit=_("month"),
        unit_price=Decimal(plan.fixed_cents) / 100,
        amount_cents=round_half_up(Decimal(plan.fixed_cents * span.days) / span.cycle_days),
        evidence={"days": span.days, "cycle_days": span.cycle_days, "plan": plan.name},
    )


def energy_at(point: str) -> str:
    """What an energy line is called, in the language of the moment."""
    return _("Energy · %(point)s") % {"point": point}


def energy_line(plan: Plan, point: MeteringPoint, used: MeteredEnergy) -> DraftLine:
    """What a point used, to the Wh, at the plan's price; rounded half up to the cent."""
    kwh = Decimal(used.energy_wh) / WH_PER_KWH
    return DraftLine(
        kind=LineKind.ENERGY,
        description=energy_at(point.name),
        quantity=kwh,
        unit="kWh",
        unit_price=plan.price_per_kwh,
        amount_cents=round_half_up(kwh * plan.price_per_kwh * 100),
        metering_point_id=point.pk,
        evidence={
            **used.evidence,
            "plan": plan.name,
            "point": point.name,
            "energy_wh": used.energy_wh,
            "completeness_percent": str(used.completeness_percent),
        },
    )
