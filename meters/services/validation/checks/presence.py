"""Whether the meter spoke when it should have: gaps, silence, cadence, clock, second values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from meters.services.validation.checks.stretches import usual_step
from meters.services.validation.material import DAY_S, Finding, Material

Parameters = Mapping[str, float]
FEWEST_A_DAY = 4


def missing_intervals(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Two readings that are further apart than this meter's readings usually are."""
    at = material.readings.at
    expected = material.reports_every_s
    steps = np.diff(at)
    for place in np.flatnonzero(steps >= wanted["at_least_minutes"] * 60):
        usual = expected or usual_step(steps, int(place), material.sample_s)
        missed = round(steps[place] / usual) - 1
        if missed >= wanted["missed_readings"]:
            evidence: dict[str, float | str] = {
                "silent_s": float(steps[place]),
                "expected_every_s": usual,
                "missed": float(missed),
            }
            yield Finding(at[place], at[place + 1], evidence)


def inactive(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Nothing since long before the end of the window, which is now."""
    since = material.silent_since
    if since is not None and material.ends_at - since >= wanted["days"] * DAY_S:
        yield Finding(since, since + wanted["days"] * DAY_S, {})


def interval_size(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """Local days on which the median distance of readings is not the expected one."""
    at, expected = material.readings.at, material.reports_every_s
    if not expected or at.size <= FEWEST_A_DAY:
        return
    steps, days = np.diff(at), material.local(at[1:]) // DAY_S
    for day in np.unique(days):
        today = steps[days == day]
        if today.size < FEWEST_A_DAY:
            continue
        usual = float(np.median(today))
        if abs(usual - expected) > expected * wanted["percent"] / 100:
            yield Finding(
                material.instant(int(day)),
                material.instant(int(day) + 1),
                {"usual_every_s": usual, "expected_every_s": float(expected)},
            )


def clock(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """One finding for each local day with readings from the future."""
    at, received = material.readings.at, material.readings.received_at
    if received is None or not at.size:
        return
    ahead = at - received
    early = ahead > wanted["minutes"] * 60
    days = material.local(at) // DAY_S
    for day in np.unique(days[early]):
        mine = early & (days == day)
        found = at[mine]
        yield Finding(
            found[0],
            found[-1] + 1,
            {"ahead_s": round(float(np.max(ahead[mine])), 1), "readings": float(found.size)},
        )


def duplicate(material: Material, wanted: Parameters) -> Iterator[Finding]:
    """One finding for each local day on which second values came."""
    at = material.second_values
    days = material.local(at) // DAY_S
    for day in np.unique(days):
        found = at[days == day]
        if found.size >= wanted["at_least"]:
            yield Finding(found[0], found[-1] + 1, {"second_values": float(found.size)})
