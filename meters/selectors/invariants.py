"""What must always be true of readings and what is computed from them."""

from __future__ import annotations

from clients.kernel.invariants import Row, invariant, offending


@invariant("I2", "Every reading belongs to a meter of its own tenant.")
def readings_of_no_meter() -> list[Row]:
    return offending(
        "SELECT r.tenant_id, r.meter_id, r.readings FROM (SELECT tenant_id, meter_id, "
        "count(*) AS readings FROM meters_reading GROUP BY tenant_id, meter_id) r "
        "LEFT JOIN meters_meter m ON m.id = r.meter_id AND m.tenant_id = r.tenant_id "
        "WHERE m.id IS NULL"
    )


@invariant("I2", "Every conflict contradicts a reading that was kept.")
def conflicts_with_nothing() -> list[Row]:
    return offending(
        "SELECT c.tenant_id, c.id FROM meters_conflict c "
        "WHERE NOT EXISTS (SELECT FROM meters_reading r "
        "WHERE r.meter_id = c.meter_id AND r.measured_at = c.measured_at)"
    )


@invariant("I3", "What readings touched is computed within ten minutes.")
def waiting_too_long() -> list[Row]:
    return offending(
        "SELECT tenant_id, meter_id, min(touched_at) AS since FROM meters_touched "
        "GROUP BY tenant_id, meter_id HAVING min(touched_at) < now() - interval '10 min'"
    )


@invariant("I3", "A meter's days add up to its quarter-hours.")
def days_unlike_intervals() -> list[Row]:
    return offending(
        "SELECT coalesce(i.tenant_id, d.tenant_id) AS tenant_id, "
        "coalesce(i.meter_id, d.meter_id) AS meter_id FROM "
        "(SELECT tenant_id, meter_id, sum(energy_import_ws) AS import_ws, "
        "sum(energy_export_ws) AS export_ws, sum(volume_ml) AS ml, sum(seconds_covered) AS s "
        "FROM meters_interval GROUP BY tenant_id, meter_id) i FULL JOIN "
        "(SELECT tenant_id, meter_id, sum(energy_import_ws) AS import_ws, "
        "sum(energy_export_ws) AS export_ws, sum(volume_ml) AS ml, sum(seconds_covered) AS s "
        "FROM meters_daytotal GROUP BY tenant_id, meter_id) d "
        "ON d.tenant_id = i.tenant_id AND d.meter_id = i.meter_id "
        "WHERE (i.import_ws, i.export_ws, i.ml, i.s) IS DISTINCT FROM "
        "(d.import_ws, d.export_ws, d.ml, d.s)"
    )
