"""The functions behind the catalogue. Import this where they are run: it loads numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from meters.services.validation.checks import amounts, levels, presence, registers
from meters.services.validation.material import Finding, Material

Check = Callable[[Material, Mapping[str, float]], Iterable[Finding]]
CHECKS: Final[dict[str, Check]] = {
    "missing_intervals": presence.missing_intervals,
    "duplicate": presence.duplicate,
    "inactive": presence.inactive,
    "interval_size": presence.interval_size,
    "clock": presence.clock,
    "high_low": amounts.high_low,
    "interval_spike": amounts.interval_spike,
    "spike": levels.spike,
    "stuck_value": levels.stuck_value,
    "zero_consumption": amounts.zero_consumption,
    "negative_consumption": levels.negative_consumption,
    "prolonged_estimation": amounts.prolonged_estimation,
    "sum_check": registers.sum_check,
    "multiplier": registers.multiplier,
    "scale_jump": amounts.scale_jump,
    "plausibility": levels.plausibility,
    "dynamic_comparison": amounts.dynamic_comparison,
    "silent_phase": levels.silent_phase,
    "demand_limit": amounts.demand_limit,
    "register_fall": registers.register_fall,
}
