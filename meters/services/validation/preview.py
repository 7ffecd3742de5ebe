"""What a rule would have flagged, had it been set so: nothing is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from clients.kernel.periods import Period
from meters.models import Meter, MeterKind, RuleCode, Severity, ValidationRule
from meters.selectors.places import zone_of
from meters.services.validation.catalogue import CATALOGUE, checked
from meters.services.validation.rules import Applied, applied_to
from meters.services.validation.running import Found, judged, newest_reading

DAYS: Final = 90
MOST_DAYS: Final = 366
MOST_METERS: Final = 200  # a page waits for the answer; the command looks at all of them


@dataclass(frozen=True, slots=True)
class Flagged:
    """A stretch that the rule would have flagged."""

    meter: Meter
    found: Found


@dataclass(frozen=True, slots=True)
class Preview:
    """The answer: how much was looked at, and what was flagged, newest first."""

    period: Period
    meters_looked_at: int
    meters_left_out: int
    flagged: list[Flagged]

    @property
    def count(self) -> int:
        return len(self.flagged)

    @property
    def meters(self) -> int:
        return len({item.meter.pk for item in self.flagged})


def preview_rule(
    code: str,
    kind: str = "",
    *,
    parameters: Mapping[str, Any] | None = None,
    days: int = DAYS,
    now: datetime,
    meters: Iterable[Meter] | None = None,
    most_meters: int | None = MOST_METERS,
) -> Preview:
    """What the rule would have flagged in the last days, with these parameters.

    Parameters that are not given are those in force. Raises WrongParameters.
    """
    entry = CATALOGUE[RuleCode(code).value]
    period = Period(now - timedelta(days=days), now)
    kinds = [kind] if kind else list(entry.kinds)
    found = Meter.objects.filter(is_active=True, kind__in=kinds).order_by("serial", "pk")
    chosen = list(found) if meters is None else list(meters)
    looked_at = chosen if most_meters is None else chosen[:most_meters]
    rows = list(ValidationRule.objects.filter(code=code))
    flagged: list[Flagged] = []
    for meter in looked_at:
        applied = applied_to(entry, MeterKind(meter.kind), rows)
        if applied is None:
            continue
        wanted = checked(code, {**applied.parameters, **(parameters or {})})
        rule = Applied(entry, Severity(applied.severity), wanted)
        silent_since = newest_reading(meter) if code == RuleCode.INACTIVE else None
        results = judged(meter, period, [rule], zone_of(meter), silent_since=silent_since)
        flagged += [Flagged(meter, item) for item in results]
    flagged.sort(key=lambda item: (item.found.starts_at, item.meter.pk), reverse=True)
    return Preview(period, len(looked_at), len(chosen) - len(looked_at), flagged)
