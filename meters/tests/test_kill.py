from __future__ import annotations

from meters.management.chaos import ingest


def test_no_acknowledged_reading_is_lost_or_stored_twice_when_processes_are_killed() -> None:
    found = ingest.run(kills=3, seed=7)

    for victim in ("edge", "postgres"):
        judged = found[victim]
        assert (judged["lost"], judged["twice"]) == (0, 0), found
        assert judged["acknowledged"] > 0
        assert set(judged["statuses"]) <= {200, 503}
        assert judged["slowest_recovery_s"] < ingest.RECOVERY_S
