"""The SQL behind `services.intervals`: set-based, and the same answer for any order of arrival.

Instants are Unix seconds (float8) and quarter-hours are their number since 1970, because plain
arithmetic on them is several times cheaper than on timestamps.
"""

# ruff: noqa: E501 - SQL reads better unbroken

from __future__ import annotations

from typing import Final

from meters.models.interval import INTERVAL_SECONDS, ML_PER_L, WEAKEST_FIRST, WS_PER_WH

LONGEST_GAP: Final = "40 days"  # a register read once a month still makes a bill
CLOSE_SECONDS: Final = 1_800  # further apart than this, a difference says little about each quarter
SHAPED_SECONDS: Final = 7_200  # further apart than this, similar days say more than a straight line
LINEAR, LEFT_TO_SLOW, SHAPED = 1, 2, 3  # levels; 0 is measured
REGISTERS: Final = ("energy_import_wh", "energy_export_wh", "volume_l")

# One worker at a time computes a meter; another finds it busy and leaves its rows for later.
LOCK_METERS: Final = """
    SELECT meter_id FROM unnest(%s::bigint[]) AS t (meter_id)
    WHERE pg_try_advisory_xact_lock(7205759403792793600 + meter_id)
"""
TOUCHED_METERS: Final = """
    SELECT meter_id, count(DISTINCT quarter_at) FROM meters_touched t WHERE tenant_id = %s
        AND NOT EXISTS (SELECT FROM meters_stuck s WHERE s.tenant_id = t.tenant_id
            AND s.meter_id = t.meter_id AND s.retry_at > now())
    GROUP BY meter_id ORDER BY min(id) LIMIT %s
"""
# `= ANY (ARRAY (…))` looks the rows up one by one: the table is empty most of the time, and a plan
# made from that would compare each of its rows with each.
TAKE_TOUCHED: Final = """
    WITH taken AS (
        DELETE FROM meters_touched WHERE id = ANY (ARRAY (
            SELECT id FROM (
                SELECT id, dense_rank() OVER (PARTITION BY meter_id ORDER BY quarter_at) AS place
                FROM meters_touched WHERE tenant_id = %s AND meter_id = ANY (%s)
            ) ranked WHERE place <= %s
        )) RETURNING meter_id, quarter_at
    ), ranges AS (
        SELECT meter_id, range_agg(tstzrange(quarter_at, quarter_at + interval '15 min')) AS all_of_it
        FROM taken GROUP BY meter_id
    )
    SELECT meter_id, lower(run), upper(run) FROM ranges, unnest(all_of_it) AS run
"""

# What the meters are, and which registers the new readings speak of.
METERS: Final = f"""
    WITH run AS (
        SELECT * FROM unnest(%(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
            AS t (meter_id, starts_at, ends_at)
    ), said AS (
        SELECT run.meter_id, {", ".join(f"count(r.{name}) AS {name}" for name in REGISTERS)}
        FROM run JOIN meters_reading r ON r.meter_id = run.meter_id
            AND r.measured_at >= run.starts_at AND r.measured_at < run.ends_at
        WHERE r.measured_at >= %(first)s AND r.measured_at < %(last)s AND r.tenant_id = %(tenant)s
        GROUP BY run.meter_id
    )
    SELECT m.id, m.kind, m.sample_seconds, m.registers_seen,
           array_remove(ARRAY[{", ".join(f"CASE WHEN said.{n} > 0 THEN '{n}' END" for n in REGISTERS)}], NULL),
           t.time_zone, place.since, place.zones, m.digits, m.register_step, m.max_power_w,
           m.max_flow_l_per_h
    FROM meters_meter m
    JOIN clients_tenant t ON t.id = m.tenant_id
    LEFT JOIN said ON said.meter_id = m.id
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(i.starts_at ORDER BY i.starts_at), '{{}}') AS since,
            coalesce(array_agg(coalesce(s.time_zone, t.time_zone) ORDER BY i.starts_at), '{{}}') AS zones
        FROM meters_installation i
        JOIN meters_meteringpoint p ON p.id = i.metering_point_id
        JOIN meters_site s ON s.id = p.site_id
        WHERE i.meter_id = m.id
    ) place
    WHERE m.tenant_id = %(tenant)s AND m.id IN (SELECT meter_id FROM run)
"""


# Meters that the plain difference cannot answer for, and what one unit of the register stands for.
# Events of the two days before and one day after concern a reading; a changed unit all that follows.
SPECIAL: Final = """
    WITH island AS (
        SELECT * FROM unnest(%(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
                             %(reads_from)s::timestamptz[], %(reads_to)s::timestamptz[])
            AS t (meter_id, starts_at, ends_at, reads_from, reads_to)
    ), event AS (
        SELECT meter_id FROM meters_registerevent e
        JOIN (SELECT meter_id, min(reads_from) AS first, max(reads_to) AS last FROM island GROUP BY 1) i
            USING (meter_id)
        WHERE e.tenant_id = %(tenant)s AND e.register <> '' AND e.starts_at <= i.last + interval '1 day'
          AND (e.kind = 'scale' OR e.ends_at >= i.first - interval '2 days')
    ), left_out AS (
        SELECT i.meter_id FROM island i JOIN meters_disregarded d ON d.meter_id = i.meter_id
            AND d.measured_at >= i.reads_from AND d.measured_at <= i.reads_to
        WHERE d.tenant_id = %(tenant)s
    ), placed AS (
        SELECT i.meter_id, p.multiplier,
            p.multiplier %% 1 <> 0 OR (p.starts_at >= i.reads_from AND p.starts_at <= i.reads_to)
                OR coalesce(p.ends_at >= i.reads_from AND p.ends_at <= i.reads_to, false) AS is_special
        FROM island i JOIN meters_installation p ON p.meter_id = i.meter_id
            AND p.starts_at <= i.reads_to AND (p.ends_at IS NULL OR p.ends_at >= i.reads_from)
        WHERE p.tenant_id = %(tenant)s
    )
    SELECT meter_id, NULL::bigint AS factor FROM event UNION SELECT meter_id, NULL FROM left_out
    UNION ALL
    SELECT meter_id,
        CASE WHEN bool_or(is_special) OR min(multiplier) <> max(multiplier) OR (
            max(multiplier) <> 1 AND count(*) < (SELECT count(*) FROM island i
                                                 WHERE i.meter_id = placed.meter_id))
        THEN NULL ELSE max(multiplier)::bigint END
    FROM placed GROUP BY meter_id
"""


_COUNTS: Final = """
    r.tenant_id = %(tenant)s AND r.meter_id = %(meter)s AND r.{register} IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM meters_disregarded d WHERE d.tenant_id = %(tenant)s
        AND d.meter_id = r.meter_id AND d.measured_at = r.measured_at)
"""
POINTS: Final = f"""
    SELECT date_part('epoch', r.measured_at), r.{{register}} FROM meters_reading r
    WHERE {_COUNTS} AND r.measured_at >= %(first)s::timestamptz
      AND r.measured_at <= %(last)s::timestamptz
    ORDER BY r.measured_at
"""
FIRST_POINT_AFTER: Final = f"""
    SELECT date_part('epoch', r.measured_at) FROM meters_reading r
    WHERE {_COUNTS} AND r.measured_at >= %(at)s::timestamptz
    ORDER BY r.measured_at LIMIT 1
"""
HELD_POINT_BEFORE: Final = f"""
    SELECT date_part('epoch', r.measured_at) FROM meters_reading r
    WHERE {_COUNTS} AND r.measured_at <= %(at)s::timestamptz
      AND NOT EXISTS (
          SELECT FROM meters_registerevent e WHERE e.tenant_id = %(tenant)s
          AND e.meter_id = r.meter_id AND e.register = %(register)s
          AND (e.kind IN ('dip', 'spike') OR e.state <> 'detected')
          AND e.starts_at < r.measured_at AND e.ends_at > r.measured_at)
    ORDER BY r.measured_at DESC LIMIT 1
"""
PLACEMENTS: Final = """
    SELECT date_part('epoch', starts_at), date_part('epoch', ends_at), start_register, end_register,
        multiplier
    FROM meters_installation WHERE tenant_id = %(tenant)s AND meter_id = %(meter)s
    ORDER BY starts_at
"""
KNOWN_EVENTS: Final = """
    SELECT kind, date_part('epoch', starts_at), date_part('epoch', ends_at), "offset", factor,
        state <> 'detected'
    FROM meters_registerevent
    WHERE tenant_id = %(tenant)s AND meter_id = %(meter)s AND register = %(register)s
    ORDER BY starts_at, id
"""


# Local days of which every quarter-hour was measured, the latest first, with their values in order.
# What a person typed is looked up, not taken from the intervals: they may not have it yet.
MEASURED_DAYS: Final = """
    SELECT day, array_agg(value ORDER BY starts_at) FROM (
        SELECT (starts_at AT TIME ZONE %(zone)s)::date AS day, starts_at, {column} AS value
        FROM meters_interval
        WHERE tenant_id = %(tenant)s AND meter_id = %(meter)s AND starts_at >= %(first)s
          AND starts_at < %(last)s AND quality = 'measured' AND {column} IS NOT NULL
          AND NOT EXISTS (
              SELECT FROM meters_edit e WHERE e.tenant_id = %(tenant)s AND e.meter_id = %(meter)s
              AND e.undone_at IS NULL AND e.kind = 'edit'
              AND e.starts_at <= meters_interval.starts_at AND e.ends_at > meters_interval.starts_at)
    ) quarter
    GROUP BY day HAVING count(*) = %(quarters)s ORDER BY day DESC
"""
GAPS_RESTING_ON: Final = """
    SELECT DISTINCT e.meter_id, e.starts_at, e.ends_at
    FROM unnest(%(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        AS t (meter_id, starts_at, ends_at)
    JOIN meters_estimate e ON e.meter_id = t.meter_id AND e.starts_at > t.starts_at
        AND e.starts_at < t.ends_at
    WHERE e.tenant_id = %(tenant)s
"""


def _neighbour(register: str, before: bool) -> str:
    """The nearest reading of `register` outside the stretch `s`, unless it is too far to join."""
    if before:
        bounds = f"r.measured_at < s.starts_at AND r.measured_at >= s.starts_at - interval '{LONGEST_GAP}'"
    else:
        bounds = (
            f"r.measured_at >= s.ends_at AND r.measured_at <= s.ends_at + interval '{LONGEST_GAP}'"
        )
    return f"""
        (SELECT r.measured_at FROM meters_reading r
         WHERE '{register}' = ANY (s.registers) AND r.meter_id = s.meter_id AND r.tenant_id = %(tenant)s
           AND {bounds} AND r.{register} IS NOT NULL
         ORDER BY r.measured_at {"DESC" if before else "ASC"} LIMIT 1)"""


BEFORE: Final = ", ".join(_neighbour(register, before=True) for register in REGISTERS)
AFTER: Final = ", ".join(_neighbour(register, before=False) for register in REGISTERS)

# A new reading changes everything between its neighbours, and as far as a sample may hold. The
# quarters at both ends also hold parts of the segments beyond, hence the wider stretch to read.
ISLANDS: Final = f"""
    WITH s AS (
        SELECT * FROM unnest(
            %(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]
        ) AS t (meter_id, starts_at, ends_at)
        JOIN (
            SELECT id, string_to_array(registers, ',') AS registers, hold
            FROM unnest(%(ids)s::bigint[], %(registers)s::text[], %(holds)s::float8[])
                AS k (id, registers, hold)
        ) k ON k.id = t.meter_id
    ), reach AS (
        SELECT meter_id, registers, hold,
            date_bin('15 min', least(s.starts_at, {BEFORE}), '2000-01-01 00:00+00') AS starts_at,
            date_bin('15 min', greatest(s.ends_at + make_interval(secs => hold), {AFTER})
                + interval '15 min' - interval '1 microsecond', '2000-01-01 00:00+00') AS ends_at
        FROM s
    ), merged AS (
        SELECT meter_id, registers, hold, range_agg(tstzrange(starts_at, ends_at)) AS all_of_it
        FROM reach GROUP BY meter_id, registers, hold
    ), island AS (
        SELECT meter_id, registers, hold, lower(part) AS starts_at, upper(part) AS ends_at
        FROM merged, unnest(all_of_it) AS part
    )
    SELECT s.meter_id, s.starts_at, s.ends_at,
        least(s.starts_at - make_interval(secs => s.hold), {BEFORE}),
        greatest(s.ends_at, {AFTER})
    FROM island s
"""


LONGEST_GAP_SECONDS: Final = 40 * 86_400
IMPORT, EXPORT, VOLUME, POWER, FLOW = range(1, 6)
_PIECE_STARTS: Final = f"greatest(t, n * {INTERVAL_SECONDS}::float8)"
_PIECE_ENDS: Final = f"least(until, (n + 1) * {INTERVAL_SECONDS}::float8)"
_PIECES_OF_SEGMENT: Final = f"""
    generate_series(greatest(floor(t / {INTERVAL_SECONDS})::integer, starts_n),
                    least(ceil(until / {INTERVAL_SECONDS})::integer, ends_n) - 1) AS n"""


def _line(factor: str) -> str:
    """What a quarter's piece of a segment from `a` to `b` is worth. Rounding the value at both ends
    of the piece, and not their difference, makes parts add up exactly."""
    at = f"a * {factor} + round((b - a)::float8 * {factor} * ({{at}} - t) / (until - t))::bigint"
    return f"({at.format(at=_PIECE_ENDS)}) - ({at.format(at=_PIECE_STARTS)})"


def _segments(register: str, factor: int, what: int) -> str:
    """The straight line between each two readings of a register. `level` 2 marks what the plain
    difference cannot explain, or a gap to be shaped: then the meter is left to the slow way."""
    rate, step = ("volume_rate", "step") if what == VOLUME else ("energy_rate", "step")
    return f"""
    SELECT meter_id, n, {what} AS what, sum({_line(str(factor))})::bigint AS value,
        0::bigint AS other, sum({_PIECE_ENDS} - {_PIECE_STARTS}) AS seconds,
        max(CASE WHEN b < a OR b - a > {rate} * (until - t) + {step}
                OR until - t > {SHAPED_SECONDS} THEN 2
            WHEN until - t > {CLOSE_SECONDS} THEN 1 ELSE 0 END) AS level,
        NULL::float8 AS power_max_w
    FROM (
        SELECT meter_id, island, t, {register} AS a, starts_n, ends_n, {rate}, {step},
            lead(t) OVER w AS until, lead({register}) OVER w AS b
        FROM reading WHERE {register} IS NOT NULL
        WINDOW w AS (PARTITION BY island ORDER BY t)
    ) seg, {_PIECES_OF_SEGMENT}
    WHERE until - t <= {LONGEST_GAP_SECONDS}
    GROUP BY meter_id, n"""


def _given_segments(what: int) -> str:
    """Segments that were worked out one by one, already in watt-seconds or millilitres."""
    return f"""
    SELECT meter_id, n, {what} AS what, sum(({_line("1")}) * mult)::bigint AS value,
        0::bigint AS other, sum({_PIECE_ENDS} - {_PIECE_STARTS}) AS seconds, max(level) AS level,
        NULL::float8 AS power_max_w
    FROM (
        SELECT s.*, i.meter_id, i.starts_n, i.ends_n
        FROM unnest(%(seg_islands)s::integer[], %(seg_whats)s::integer[], %(seg_from)s::float8[],
                    %(seg_until)s::float8[], %(seg_a)s::bigint[], %(seg_b)s::bigint[],
                    %(seg_mults)s::bigint[], %(seg_levels)s::integer[])
            AS s (island, what, t, until, a, b, mult, level)
        JOIN island i USING (island)
        WHERE s.what = {what}
    ) seg, {_PIECES_OF_SEGMENT}
    GROUP BY meter_id, n"""


def _samples(column: str, factor: int, what: int, *, given: bool = False) -> str:
    """How long each sample holds, in pieces by quarter-hour: until the next, at most `hold`.
    `value` is what came in, `other` what went out."""
    amount = f"round(v::float8 * sign * {factor} * ({_PIECE_ENDS} - {_PIECE_STARTS}))::bigint"
    mult, highest = "", "max(v)::float8"
    if given:
        amount, highest = f"round({amount} * mult)::bigint", "max(v::float8 * mult::float8)"
        mult = """, coalesce((
                SELECT mult FROM unnest(%(mult_meters)s::bigint[], %(mult_from)s::float8[],
                        %(mult_until)s::float8[], %(mults)s::numeric[]) AS m (id, since, until, mult)
                WHERE m.id = meter_id AND t >= since AND t < m.until LIMIT 1), 1) AS mult"""
    return f"""
    SELECT meter_id, n, {what} AS what,
        coalesce(sum({amount}) FILTER (WHERE v * sign > 0), 0)::bigint AS value,
        coalesce(-sum({amount}) FILTER (WHERE v * sign < 0), 0)::bigint AS other,
        sum({_PIECE_ENDS} - {_PIECE_STARTS}) AS seconds, 0 AS level, {highest} AS power_max_w
    FROM (
        SELECT meter_id, t, {column} AS v, starts_n, ends_n, {"sign" if what == POWER else 1} AS sign,
            least(lead(t) OVER (PARTITION BY island ORDER BY t), t + hold) AS until{mult}
        FROM reading WHERE {column} IS NOT NULL
    ) seg, {_PIECES_OF_SEGMENT}
    GROUP BY meter_id, n"""


def _one(what: int, column: str = "value") -> str:
    return f"max({column}) FILTER (WHERE what = {what})"


def _seconds(what: int) -> str:
    return f"coalesce(max(seconds) FILTER (WHERE what = {what}), 0)"


_PARTS: Final = " UNION ALL ".join(
    (
        _segments("energy_import_wh", WS_PER_WH, IMPORT),
        _segments("energy_export_wh", WS_PER_WH, EXPORT),
        _segments("volume_l", ML_PER_L, VOLUME),
        _samples("power_w", 1, POWER),
        _samples("flow_l_per_s", ML_PER_L, FLOW),
    )
)
_GIVEN_PARTS: Final = " UNION ALL ".join(
    (
        *(_given_segments(what) for what in (IMPORT, EXPORT, VOLUME)),
        _samples("power_w", 1, POWER, given=True),
        _samples("flow_l_per_s", ML_PER_L, FLOW, given=True),
    )
)
_VALUES: Final = (
    "energy_import_ws, energy_export_ws, volume_ml, power_mean_w, power_max_w, seconds_covered, "
    "quality, rule"
)
_EXCLUDED: Final = ", ".join(f"excluded.{name.strip()}" for name in _VALUES.split(","))
_CURRENT: Final = ", ".join(f"i.{name.strip()}" for name in _VALUES.split(","))

_READING: Final = """
        SELECT i.island, i.meter_id, i.starts_n, i.ends_n, i.hold, i.sign{more},
            date_part('epoch', r.measured_at) AS t, {columns}r.power_w, r.flow_l_per_s
        FROM island i JOIN meters_reading r ON r.meter_id = i.meter_id
            AND r.measured_at >= i.reads_from AND r.measured_at <= i.reads_to
        WHERE r.measured_at >= %(first)s AND r.measured_at <= %(last)s AND r.tenant_id = %(tenant)s"""
_FAST_READING: Final = _READING.format(
    more=", i.energy_rate, i.volume_rate, i.step",
    columns="r.energy_import_wh, r.energy_export_wh, r.volume_l, ",
)
_SLOW_READING: Final = f"""{_READING.format(more="", columns="")}
          AND NOT EXISTS (
              SELECT FROM meters_disregarded d WHERE d.tenant_id = %(tenant)s
              AND d.meter_id = r.meter_id AND d.measured_at = r.measured_at)"""


def _compute(reading: str, parts: str) -> str:
    """Write the intervals of the islands; answers the meters left to the slow way."""
    return f"""
    WITH island AS (
        SELECT t.*,
            (date_part('epoch', starts_at) / {INTERVAL_SECONDS})::integer AS starts_n,
            (date_part('epoch', ends_at) / {INTERVAL_SECONDS})::integer AS ends_n
        FROM unnest(%(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
                    %(reads_from)s::timestamptz[], %(reads_to)s::timestamptz[],
                    %(holds)s::float8[], %(signs)s::integer[], %(factors)s::bigint[],
                    %(energy_rates)s::float8[], %(volume_rates)s::float8[], %(steps)s::float8[])
            WITH ORDINALITY AS t (meter_id, starts_at, ends_at, reads_from, reads_to, hold, sign,
                                  mult, energy_rate, volume_rate, step, island)
    ), reading AS MATERIALIZED ({reading}
    ), part AS MATERIALIZED ({parts}),
    suspect AS MATERIALIZED (
        SELECT DISTINCT meter_id FROM part WHERE level = {LEFT_TO_SLOW}
    ), chosen AS (
        SELECT meter_id, n, max(level) AS level,
            {_one(POWER, "power_max_w")} AS power_max_w,
            coalesce({_one(IMPORT)}, {_one(POWER)}) AS energy_import_ws,
            coalesce({_one(EXPORT)}, {_one(POWER, "other")}) AS energy_export_ws,
            coalesce({_one(VOLUME)}, {_one(FLOW)}) AS volume_ml,
            greatest({_seconds(IMPORT)}, {_seconds(EXPORT)}, {_seconds(VOLUME)}) AS register_s,
            greatest({_seconds(IMPORT)}, {_seconds(EXPORT)}) AS energy_register_s,
            {_seconds(POWER)} AS power_s, {_seconds(FLOW)} AS flow_s
        FROM part WHERE seconds > 0 AND meter_id NOT IN (SELECT meter_id FROM suspect)
        GROUP BY meter_id, n
    ), factor AS (
        SELECT DISTINCT meter_id, mult FROM island
    ), computed AS MATERIALIZED (
        SELECT meter_id, to_timestamp(n::float8 * {INTERVAL_SECONDS}) AS starts_at,
            energy_import_ws * mult AS energy_import_ws, energy_export_ws * mult AS energy_export_ws,
            volume_ml * mult AS volume_ml,
            (coalesce(energy_import_ws, 0) - coalesce(energy_export_ws, 0)) * mult
                / nullif(CASE WHEN energy_register_s > 0 THEN energy_register_s ELSE power_s END, 0)
                AS power_mean_w,
            power_max_w * mult AS power_max_w,
            greatest(1, least({INTERVAL_SECONDS}, round(CASE WHEN register_s > 0 THEN register_s
                ELSE greatest(power_s, flow_s) END)))::integer AS seconds_covered,
            CASE WHEN register_s = 0 THEN 'derived' WHEN level > 0 THEN 'estimated' ELSE 'measured' END
                AS quality,
            CASE WHEN register_s > 0 AND level = {SHAPED} THEN 'reference_days'
                WHEN register_s > 0 AND level > 0 THEN 'register_gap' WHEN register_s > 0 THEN 'register'
                WHEN power_s >= flow_s THEN 'power' ELSE 'flow' END AS rule
        FROM chosen JOIN factor USING (meter_id)
    ), gone AS (
        DELETE FROM meters_interval i USING island
        WHERE i.meter_id = island.meter_id AND i.starts_at >= island.starts_at
          AND i.starts_at < island.ends_at AND i.tenant_id = %(tenant)s
          AND i.meter_id NOT IN (SELECT meter_id FROM suspect)
          AND NOT EXISTS (
              SELECT FROM computed c WHERE c.meter_id = i.meter_id AND c.starts_at = i.starts_at)
    ), written AS (
        INSERT INTO meters_interval AS i (tenant_id, meter_id, starts_at, {_VALUES})
        SELECT %(tenant)s, meter_id, starts_at, {_VALUES} FROM computed
        ON CONFLICT (meter_id, starts_at) DO UPDATE SET ({_VALUES}, author) = ROW ({_EXCLUDED}, '')
        WHERE ({_CURRENT}, i.author) IS DISTINCT FROM ({_EXCLUDED}, '')
    )
    SELECT meter_id FROM suspect
"""


# What people typed stands above what was computed; what they had estimated, only where nothing is.
EDITS: Final = f"""
    WITH run AS (
        SELECT * FROM unnest(%(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
            AS t (meter_id, starts_at, ends_at)
    ), value AS (
        SELECT DISTINCT ON (e.meter_id, q.starts_at, e."column")
            e.meter_id, q.starts_at, e."column", e.kind, e.author, v.amount
        FROM run JOIN meters_edit e ON e.meter_id = run.meter_id
            AND e.starts_at < run.ends_at AND e.ends_at > run.starts_at,
            unnest(e.values) WITH ORDINALITY AS v (amount, place),
            LATERAL (SELECT e.starts_at + (v.place - 1) * interval '15 min' AS starts_at) q
        WHERE e.tenant_id = %(tenant)s AND e.undone_at IS NULL
            AND q.starts_at >= run.starts_at AND q.starts_at < run.ends_at
        ORDER BY e.meter_id, q.starts_at, e."column", e.kind, e.id DESC
    ), quarter AS (
        SELECT meter_id, starts_at, bool_or(kind = 'edit') AS is_typed, max(author) AS author,
            max(amount) FILTER (WHERE "column" = 'energy_import_ws') AS energy_import_ws,
            max(amount) FILTER (WHERE "column" = 'energy_export_ws') AS energy_export_ws,
            max(amount) FILTER (WHERE "column" = 'volume_ml') AS volume_ml
        FROM value GROUP BY meter_id, starts_at
    )
    INSERT INTO meters_interval AS i (tenant_id, meter_id, starts_at, {_VALUES}, author)
    SELECT %(tenant)s, meter_id, starts_at, energy_import_ws, energy_export_ws, volume_ml,
        (coalesce(energy_import_ws, 0) - coalesce(energy_export_ws, 0)) / {INTERVAL_SECONDS}.0, NULL,
        {INTERVAL_SECONDS}, CASE WHEN is_typed THEN 'edited' ELSE 'estimated' END,
        CASE WHEN is_typed THEN 'by_hand' ELSE 'asked' END, author
    FROM quarter
    ON CONFLICT (meter_id, starts_at) DO UPDATE SET
        energy_import_ws = coalesce(excluded.energy_import_ws, i.energy_import_ws),
        energy_export_ws = coalesce(excluded.energy_export_ws, i.energy_export_ws),
        volume_ml = coalesce(excluded.volume_ml, i.volume_ml),
        power_mean_w = (coalesce(excluded.energy_import_ws, i.energy_import_ws, 0)
            - coalesce(excluded.energy_export_ws, i.energy_export_ws, 0)) / {INTERVAL_SECONDS}.0,
        seconds_covered = {INTERVAL_SECONDS}, quality = 'edited', rule = 'by_hand',
        author = excluded.author
    WHERE excluded.quality = 'edited'
"""

COMPUTE: Final = _compute(_FAST_READING, _PARTS)
COMPUTE_GIVEN: Final = _compute(_SLOW_READING, _GIVEN_PARTS)

_RULES: Final = f"ARRAY[{', '.join(repr(rule.value) for rule in WEAKEST_FIRST)}]"
_DAY: Final = (
    "energy_import_ws, energy_export_ws, volume_ml, power_max_w, rule, interval_count, "
    "seconds_covered, seconds_estimated, seconds_expected"
)
_DAY_EXCLUDED: Final = ", ".join(f"excluded.{name.strip()}" for name in _DAY.split(","))
_DAY_CURRENT: Final = ", ".join(f"d.{name.strip()}" for name in _DAY.split(","))

DAYS: Final = f"""
    WITH day AS MATERIALIZED (
        SELECT DISTINCT meter_id, day::date AS day,
            day::timestamp AT TIME ZONE CASE WHEN day = first THEN opens ELSE zone END AS starts_at,
            (day + interval '1 day')::timestamp AT TIME ZONE zone AS ends_at
        FROM unnest(%(meters)s::bigint[], %(first)s::date[], %(last)s::date[], %(zones)s::text[],
                    %(opens)s::text[]) AS t (meter_id, first, last, zone, opens),
            generate_series(first::timestamp, last::timestamp, interval '1 day') AS day
    ), computed AS MATERIALIZED (
        SELECT day.meter_id, day.day, sum(i.energy_import_ws)::bigint AS energy_import_ws,
            sum(i.energy_export_ws)::bigint AS energy_export_ws, sum(i.volume_ml)::bigint AS volume_ml,
            max(i.power_max_w) AS power_max_w,
            ({_RULES})[min(array_position({_RULES}, i.rule::text))] AS rule, count(*) AS interval_count,
            sum(i.seconds_covered) AS seconds_covered,
            coalesce(sum(i.seconds_covered) FILTER (WHERE i.quality = 'estimated'), 0)
                AS seconds_estimated,
            date_part('epoch', day.ends_at - day.starts_at)::integer AS seconds_expected
        FROM day JOIN meters_interval i ON i.meter_id = day.meter_id
            AND i.starts_at >= day.starts_at AND i.starts_at < day.ends_at
        WHERE i.tenant_id = %(tenant)s
        GROUP BY day.meter_id, day.day, day.starts_at, day.ends_at
    ), gone AS (
        DELETE FROM meters_daytotal d USING day
        WHERE d.meter_id = day.meter_id AND d.day = day.day AND d.tenant_id = %(tenant)s
          AND NOT EXISTS (SELECT FROM computed c WHERE c.meter_id = d.meter_id AND c.day = d.day)
    )
    INSERT INTO meters_daytotal AS d (tenant_id, meter_id, day, {_DAY})
    SELECT %(tenant)s, meter_id, day, {_DAY} FROM computed
    ON CONFLICT (meter_id, day) DO UPDATE SET ({_DAY}) = ROW ({_DAY_EXCLUDED})
    WHERE ({_DAY_CURRENT}) IS DISTINCT FROM ({_DAY_EXCLUDED})
"""
