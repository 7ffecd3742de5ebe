"""The floors of what the rules find on series that say where they are wrong."""

from __future__ import annotations

import pytest

from meters.management.benches import validation


def test_a_stuck_meter_is_found_and_nothing_else() -> None:
    said = validation.scored("stuck_value", "pv_stale_labels.csv", "stale_data_mask")

    assert said["stuck_value_precision"] >= 0.9
    assert said["stuck_value_recall"] >= 0.9
    assert said["stuck_value_labelled"] == 245


def test_spikes_are_found_and_nothing_else() -> None:
    said = validation.scored("spike", "pv_outlier_labels.csv", "outlier")

    assert said["spike_precision"] >= 0.9
    assert said["spike_recall"] >= 0.9
    assert said["spike_labelled"] == 6


def test_the_four_anomalies_of_the_water_main_are_flagged() -> None:
    said = validation.water_main()

    assert said["water_flagged"] == 4
    assert said["water_false_alarms"] <= 1


@pytest.mark.parametrize("times", [5, 7])
def test_they_are_flagged_with_neighbouring_parameters_too(times: float) -> None:
    said = validation.water_main(times=times)

    assert said["water_flagged"] == 4
    assert said["water_false_alarms"] <= 2
