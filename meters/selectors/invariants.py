"""What must always be true of readings and of what is computed from them."""

from __future__ import annotations

from clients.kernel.invariants import Row, invariant, offending


@invariant("I2", "Every reading belongs to a meter of its own tenant.")
def readings_of_own_meters() -> list[Row]:
    return offending(
        "SELECT r.tenant_id, r.meter_id, r.readings FROM (SELECT tenant_id, meter_id, "
        "count(*) AS readings FROM meters_reading GROUP BY 1, 2) r "
        "LEFT JOIN meters_meter m ON m.tenant_id = r.tenant_id AND m.id = r.meter_id "
        "WHERE m.id IS NULL"
    )


@invariant("I4", "What readings touched is computed within ten minutes.")
def touched_in_time() -> list[Row]:
    return offending(
        "SELECT tenant_id, meter_id, count(*) AS quarters, min(touched_at) AS since "
        "FROM meters_touched WHERE touched_at < clock_timestamp() - interval '10 minutes' "
        "GROUP BY 1, 2"
    )


@invariant("I8", "A meter's days add up to its intervals, to the watt-second and millilitre.")
def days_are_their_intervals() -> list[Row]:
    sums = (
        "SELECT tenant_id, meter_id, coalesce(sum(energy_import_ws), 0) AS import_ws, "
        "coalesce(sum(energy_export_ws), 0) AS export_ws, coalesce(sum(volume_ml), 0) AS ml, "
        "sum(seconds_covered) AS seconds FROM {} GROUP BY 1, 2"
    )
    return offending(
        f"SELECT coalesce(i.tenant_id, d.tenant_id) AS tenant_id, meter_id, "
        f"i.import_ws - d.import_ws AS import_ws, i.export_ws - d.export_ws AS export_ws, "
        f"i.ml - d.ml AS ml, i.seconds - d.seconds AS seconds "
        f"FROM ({sums.format('meters_interval')}) i FULL JOIN ({sums.format('meters_daytotal')}) d "
        f"USING (meter_id) WHERE (i.tenant_id, i.import_ws, i.export_ws, i.ml, i.seconds) "
        f"IS DISTINCT FROM (d.tenant_id, d.import_ws, d.export_ws, d.ml, d.seconds) "
        f"AND NOT EXISTS (SELECT FROM meters_touched t WHERE t.meter_id = coalesce(i.meter_id, d.meter_id))"
    )
