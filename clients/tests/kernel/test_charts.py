from __future__ import annotations

from clients.kernel.charts import MOST_POINTS, thinned


def test_short_series_stays_as_it_is() -> None:
    assert thinned([1, 2, 3], [1.0, None, 2.0]) == ([1, 2, 3], [1.0, None, 2.0], [])


def test_thinning_keeps_every_peak_dip_and_gap() -> None:
    instants = list(range(10_000))
    values: list[float | None] = [100.0] * len(instants)
    values[1234], values[5678], values[8000] = 9_999.0, -50.0, None

    kept, thin, before = thinned(instants, values, [1.0] * len(instants))

    assert len(kept) <= MOST_POINTS
    assert kept == sorted(kept)
    assert dict(zip(kept, thin, strict=True))[1234] == 9_999.0
    assert dict(zip(kept, thin, strict=True))[5678] == -50.0
    assert dict(zip(kept, thin, strict=True))[8000] is None
    assert len(before) == len(kept)
