"""Whether what was used is like what this meter uses: days, hours and quarter-hours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from meters.models.interval import INTERVAL_SECONDS
from meters.services.validation.checks.stretches import (
    day_amounts,
    runs,
    runs_in_time,
    short,
    spans,
)
from meters.services.validation.material import DAY_S, HOUR_S, Finding, Floats, Material

Parameters = Mapping[str, float]
HISTORY_DAYS = 28
NEARLY_WHOLE = 0.95
HALF_AN_HOUR = 1_800
MAD_TO_DEVIATION = 1.4826
OUT_V = 10.0
MOST_OF_IT = 0.5
SCALES = (1 / 1000, 1 / 10, 10.0, 1000.0)


def high_low(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Whole days against the mean of the whole days in the four weeks before."""
    days, amounts, seconds, lengths = day_amounts(material)
    whole = seconds >= lengths * NEARLY_WHOLE
    days, amounts = days[whole], amounts[whole] / (seconds[whole] / lengths[whole])
    for place, day in enumerate(days):
        before = (days < day) & (days >= day - HISTORY_DAYS)
        if np.sum(before) < wanted["at_least_days"]:
            continue
        usual = float(np.mean(amounts[before]))
        used = float(amounts[place])
        if usual <= 0:
            continue
        if used > usual * wanted["high_times"] or used < usual * wanted["low_percent"] / 100:
            yield Finding(
                material.instant(int(day)),
                material.instant(int(day) + 1),
                {f"used_{material.unit}": short(used), f"usual_{material.unit}": short(usual)},
            )


def interval_spike(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """The highest quarter-hour of a local day against the third-highest."""
    quarters = material.quarters
    known = ~np.isnan(quarters.amount) & ~quarters.is_estimated
    at, amounts = quarters.at[known], quarters.amount[known]
    days = material.local(at) // DAY_S
    for _day, start, after in spans(days):
        if after - start < max(wanted["at_least_quarters"], 3):
            continue
        order = start + np.argsort(amounts[start:after], kind="stable")
        highest, third = amounts[order[-1]], amounts[order[-3]]
        if third > 0 and (highest - third) / third * 100 > wanted["percent"]:
            yield Finding(
                float(at[order[-1]]),
                float(at[order[-1]] + INTERVAL_SECONDS),
                {
                    f"used_{material.unit}": short(highest),
                    f"third_highest_{material.unit}": short(third),
                },
            )


def zero_consumption(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Runs of quarter-hours of nothing, on a meter that is used on most days."""
    quarters = material.quarters
    known = ~np.isnan(quarters.amount)
    at, amounts = quarters.at[known], quarters.amount[known]
    if not at.size:
        return
    local_days = material.local(at) // DAY_S
    used_days = np.unique(local_days[amounts > 0])
    nothing = (amounts == 0) & ~quarters.is_estimated[known]
    for first, after in runs_in_time(nothing, at, INTERVAL_SECONDS):
        lasted = (after - first) * INTERVAL_SECONDS
        if lasted < wanted["at_least_hours"] * HOUR_S:
            continue
        day = local_days[first]
        used_before = np.sum((used_days < day) & (used_days >= day - 7))
        start, end = float(at[first]), float(at[after - 1] + INTERVAL_SECONDS)
        if used_before < wanted["used_days"] or _is_out(material, start, end):
            continue
        yield Finding(start, end, {"zero_s": float(lasted), "used_days": float(used_before)})


def _is_out(material: Material, start: float, end: float) -> bool:
    """Whether the network was out for most of the stretch: that explains a zero."""
    at = material.readings.at
    inside = (at >= start) & (at < end)
    voltages = [
        values[inside]
        for name, values in material.readings.columns.items()
        if name.startswith("voltage_")
    ]
    if not voltages or not inside.any():
        return False
    table = np.vstack(voltages)
    dead = np.max(np.where(np.isnan(table), 0, table), axis=0) < OUT_V
    return bool(np.mean(dead) > MOST_OF_IT)


def prolonged_estimation(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Runs of estimated quarter-hours."""
    quarters = material.quarters
    for first, after in runs_in_time(quarters.is_estimated, quarters.at, INTERVAL_SECONDS):
        lasted = (after - first) * INTERVAL_SECONDS
        if lasted >= wanted["at_least_hours"] * HOUR_S:
            used = float(np.nansum(quarters.amount[first:after]))
            yield Finding(
                float(quarters.at[first]),
                float(quarters.at[after - 1] + INTERVAL_SECONDS),
                {"estimated_s": float(lasted), f"estimated_{material.unit}": short(used)},
            )


def scale_jump(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Days whose use is a power of ten off the median of the steady days before.

    Only the first day of a jump is told; afterwards that is how the meter is."""
    days, amounts, seconds, lengths = day_amounts(material)
    whole = (seconds >= lengths * NEARLY_WHOLE) & (amounts > 0)
    days, amounts = days[whole], amounts[whole]
    for place, day in enumerate(days):
        before = amounts[(days < day) & (days >= day - HISTORY_DAYS)][
            -int(wanted["at_least_days"]) :
        ]
        if before.size < wanted["at_least_days"]:
            continue
        usual = float(np.median(before))
        spread = float(np.max(np.abs(np.log(before / usual))))
        ratio = float(amounts[place]) / usual
        near = [scale for scale in SCALES if abs(ratio / scale - 1) * 100 <= wanted["percent"]]
        if near and spread < np.log(2):
            yield Finding(
                material.instant(int(day)),
                material.instant(int(day) + 1),
                {
                    "times": near[0],
                    f"used_{material.unit}": short(float(amounts[place])),
                    f"usual_{material.unit}": short(usual),
                },
            )


def demand_limit(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Runs of quarter-hours whose mean is more than the meter can carry."""
    quarters, limit = material.quarters, material.limit
    if not limit or not quarters.at.size:
        return
    rate = quarters.amount * HOUR_S / np.maximum(quarters.seconds, 1)
    with np.errstate(invalid="ignore"):
        over = rate > limit * wanted["percent"] / 100
    for first, after in runs_in_time(over, quarters.at, INTERVAL_SECONDS):
        yield Finding(
            float(quarters.at[first]),
            float(quarters.at[after - 1] + INTERVAL_SECONDS),
            {
                f"highest_{material.rate_unit}": short(float(np.max(rate[first:after]))),
                f"limit_{material.rate_unit}": float(limit),
            },
        )


def dynamic_comparison(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Hours against the same local hour of similar days (working days, or days of rest)."""
    day, grid = hours_of(material)
    if not day.size:
        return
    off = np.zeros_like(grid)
    usual = np.full_like(grid, np.nan)
    first_wanted = material.local(np.array([material.starts_at]))[0] // DAY_S - 1
    # 1970-01-01 was a Thursday: Saturday and Sunday are 2 and 3 days after it.
    rests = np.isin(day % 7, (2, 3))
    for place in np.flatnonzero(day >= first_wanted):
        before = (day < day[place]) & (day >= day[place] - HISTORY_DAYS)
        past, alike = grid[before], rests[before] == rests[place]
        known, chosen, spread = _usual(past[alike])
        few = known < wanted["at_least_days"]
        if few.any():
            known_all, chosen_all, spread_all = _usual(past)
            known = np.where(few, known_all, known)
            chosen = np.where(few, chosen_all, chosen)
            spread = np.where(few, spread_all, spread)
        floor = np.abs(chosen) * wanted["least_spread_percent"] / 100
        spread = np.fmax(spread * MAD_TO_DEVIATION, floor)
        with np.errstate(invalid="ignore", divide="ignore"):
            times = (grid[place] - chosen) / spread
        usable = (known >= wanted["at_least_days"]) & (spread > 0) & ~np.isnan(times)
        with np.errstate(invalid="ignore"):
            usable &= np.abs(grid[place] - chosen) >= _least(past, wanted, material)
        off[place] = np.where(usable, times, 0)
        usual[place] = chosen
    flat, usual_flat, hours = off.ravel(), usual.ravel(), grid.ravel()
    for sign, word in ((1, "above"), (-1, "below")):
        for first, after in runs(flat * sign > wanted["times"]):
            worst = first + int(np.argmax(np.abs(flat[first:after])))
            yield Finding(
                _hour_at(material, day, first),
                _hour_at(material, day, after - 1) + HOUR_S,
                {
                    "direction": word,
                    f"worst_{material.rate_unit}": short(float(hours[worst])),
                    f"usual_{material.rate_unit}": short(float(usual_flat[worst])),
                    "spreads": short(float(np.abs(flat[worst]))),
                },
            )


def _least(past: Floats, wanted: Parameters, material: Material) -> float:
    """What an hour must be off by to matter to this meter at all."""
    known = past[~np.isnan(past)]
    typical = float(np.median(np.abs(known))) if known.size else 0.0
    return max(wanted[f"least_{material.rate_unit}"], typical * wanted["least_percent"] / 100)


def hours_of(material: Material) -> tuple[Floats, Floats]:
    """Local days without a hole, and for each the mean rate of its 24 hours (NaN: not known)."""
    quarters = material.quarters
    known = ~np.isnan(quarters.amount) & ~quarters.is_estimated
    if not known.any():
        return np.empty(0), np.empty((0, 24))
    hour = material.local(quarters.at[known]) // HOUR_S
    first, last = int(hour[0] // 24), int(hour[-1] // 24)
    place = hour - first * 24
    size = (last - first + 1) * 24
    amount = np.bincount(place, quarters.amount[known], size)
    seconds = np.bincount(place, quarters.seconds[known], size)
    enough = seconds >= HALF_AN_HOUR
    rate = np.full(size, np.nan)
    rate[enough] = amount[enough] / seconds[enough] * HOUR_S
    return np.arange(first, last + 1, dtype=np.float64), rate.reshape(-1, 24)


def _hour_at(material: Material, day: Floats, place: int) -> float:
    """When the place-th local hour begins; an hour that the clocks skip begins with the next."""
    local = int(day[0]) * DAY_S + place * HOUR_S
    begin = material.instant(local // DAY_S)
    shift = material.local(np.array([begin]))[0] - int(begin)
    at = local - int(shift)
    moved = material.local(np.array([float(at)]))[0]
    return float(at + (local - moved))


def _usual(past: Floats) -> tuple[Floats, Floats, Floats]:
    """How many values each column has, their median, and the median distance from it."""
    count, centre = _median(past)
    return count, centre, _median(np.abs(past - centre))[1]


def _median(values: Floats) -> tuple[Floats, Floats]:
    """Count and median of what each column knows, NaN where it knows nothing."""
    count = np.sum(~np.isnan(values), axis=0)
    if not values.shape[0]:
        return count, np.full(values.shape[1], np.nan)
    ordered = np.sort(values, axis=0)  # NaN comes last
    columns = np.arange(values.shape[1])
    low, high = np.maximum(count - 1, 0) // 2, np.maximum(count, 1) // 2
    high = np.where(count % 2 == 0, np.maximum(count // 2, 0), low)
    high = np.minimum(high, values.shape[0] - 1)
    return count, (ordered[low, columns] + ordered[high, columns]) / 2
