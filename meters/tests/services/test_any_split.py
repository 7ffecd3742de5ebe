"""The same values in any order, pieces and repetition are the same rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients.kernel.tenancy import acting_for
from clients.models import Tenant
from meters.models import Conflict, Reading
from meters.testing import keep_readings, make_meter

pytestmark = pytest.mark.commits
NOW = datetime.now(tz=UTC).replace(microsecond=0)
START = NOW - timedelta(hours=3)
VALUES = {
    "energy_import_wh": st.integers(0, 10**15),
    "power_w": st.integers(-2_000, 2_000).map(lambda halves: halves / 2),
    "voltage_l1_v": st.integers(0, 500).map(float),
    "extra": st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(0, 9), min_size=1),
}


@st.composite
def readings(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Readings of some instants, each with some quantities."""
    instants = draw(st.lists(st.integers(0, 40), min_size=1, max_size=6, unique=True))
    return [
        {
            "measured_at": START + timedelta(minutes=5 * minutes),
            **draw(
                st.fixed_dictionaries({}, optional=VALUES).filter(
                    lambda said: bool(said)  # a reading says something
                )
            ),
        }
        for minutes in instants
    ]


def pieces(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The reading, a quantity at a time; of `extra` each name."""
    at = {"measured_at": row["measured_at"]}
    said = [{**at, name: value} for name, value in row.items() if name in VALUES.keys() - {"extra"}]
    return said + [{**at, "extra": {name: value}} for name, value in row.get("extra", {}).items()]


@st.composite
def ways(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """Readings, and one way in which devices may send them: pieces, repeated, in batches."""
    whole = draw(readings())
    parts = [part for row in whole for part in (draw(st.sampled_from([pieces(row), [row]])))]
    again = draw(st.lists(st.sampled_from(parts), max_size=4))
    shuffled = draw(st.permutations([*parts, *again]))
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    edges = [0, *cuts, len(shuffled)]
    batches = [shuffled[a:b] for a, b in pairwise(edges) if a < b]
    return whole, batches


def test_any_splitting_stores_the_same_rows(acacia: Tenant) -> None:
    @settings(
        max_examples=20,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(ways())
    def holds(way: tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]) -> None:
        whole, batches = way
        with acting_for(acacia.pk):
            meter = make_meter(tenant=acacia)

        answers = [keep_readings(meter, batch, now=NOW) for batch in batches]

        with acting_for(acacia.pk):
            kept = list(Reading.objects.filter(meter=meter).order_by("measured_at").values())
            assert not Conflict.objects.filter(meter=meter).exists()
        expected = sorted(whole, key=lambda row: row["measured_at"])
        assert [row["measured_at"] for row in kept] == [row["measured_at"] for row in expected]
        for found, said in zip(kept, expected, strict=True):
            assert {name: found[name] for name in VALUES} == {
                name: said.get(name) for name in VALUES
            }
        assert sum(answer.conflicts for answer in answers) == 0
        sent = sum(len(batch) for batch in batches)
        assert sum(answer.accepted + answer.duplicates for answer in answers) == sent

    holds()
