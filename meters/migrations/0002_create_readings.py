"""The readings: partitioned by month, guarded on the parent, written by `ingest` alone."""

from clients.kernel import rls
from django.db import migrations

APP, INGEST, BACKUP = rls.role("app"), rls.role("ingest"), rls.role("backup")

VALUES = """
    energy_import_wh bigint, energy_export_wh bigint,
    reactive_import_varh bigint, reactive_export_varh bigint, volume_l bigint,
    power_w real, power_l1_w real, power_l2_w real, power_l3_w real,
    reactive_power_var real, apparent_power_va real, power_factor real, frequency_hz real,
    voltage_l1_v real, voltage_l2_v real, voltage_l3_v real,
    current_l1_a real, current_l2_a real, current_l3_a real, current_n_a real,
    flow_l_per_s real, pressure_bar real, temperature_c real, extra jsonb
"""
NAMES = [part.split()[0] for part in VALUES.split(",")]
LISTED = ", ".join(NAMES)
FIELDS = f"tenant_id, meter_id, measured_at, {LISTED}"


def of(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in NAMES)


# Rows are made the parent's partitions by ATTACH, which lets readers go on. The check is there so
# that ATTACH need not look at the rows, and goes away again since the bounds say the same.
MAKE_PARTITION = f"""
DECLARE
    month date := date_trunc('month', wanted);
    following date := month + interval '1 month';
    name text := 'meters_reading_' || to_char(month, 'YYYY_MM');
BEGIN
    IF month < current_date - interval '62 months' OR month > current_date + interval '5 months' THEN
        RAISE EXCEPTION 'no partition for %', month USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF to_regclass('{rls.SCHEMA}.' || name) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('meters_make_partition'));
    -- Asked of the catalogue: to_regclass may still answer from what it knew before the wait.
    IF EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = '{rls.SCHEMA}'::regnamespace) THEN
        RETURN;
    END IF;
    EXECUTE format(
        'CREATE TABLE {rls.SCHEMA}.%I (LIKE {rls.SCHEMA}.meters_reading INCLUDING DEFAULTS '
        'INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE, '
        'CONSTRAINT bounds CHECK (measured_at >= %L AND measured_at < %L))',
        name, month::text || ' 00:00+00', following::text || ' 00:00+00');
    EXECUTE format(
        'ALTER TABLE {rls.SCHEMA}.meters_reading ATTACH PARTITION {rls.SCHEMA}.%I '
        'FOR VALUES FROM (%L) TO (%L)',
        name, month::text || ' 00:00+00', following::text || ' 00:00+00');
    EXECUTE format('ALTER TABLE {rls.SCHEMA}.%I DROP CONSTRAINT bounds', name);
    EXECUTE format('GRANT INSERT ON {rls.SCHEMA}.%I TO {INGEST}', name);
    EXECUTE format('GRANT SELECT ON {rls.SCHEMA}.%I TO {BACKUP}', name);
END
"""

# Two statements on purpose: the second one sees what others committed while the first one waited.
STORE_OR_REPORT = f"""
DECLARE
    new_meters bigint[];
    new_instants timestamptz[];
BEGIN
    WITH incoming AS (
        SELECT e.place, r.*
        FROM jsonb_array_elements(rows) WITH ORDINALITY AS e (value, place),
             jsonb_populate_record(NULL::meters_reading, e.value) AS r
    ), once AS (
        SELECT DISTINCT ON (meter_id, measured_at) *
        FROM incoming ORDER BY meter_id, measured_at, place
    ), stored AS (
        INSERT INTO meters_reading ({FIELDS}) SELECT {FIELDS} FROM once
        ON CONFLICT (meter_id, measured_at) DO NOTHING
        RETURNING tenant_id, meter_id, measured_at
    ), touched AS (
        INSERT INTO meters_touched (tenant_id, meter_id, quarter_at)
        SELECT DISTINCT tenant_id, meter_id, date_bin('15 min', measured_at, '2000-01-01 00:00+00')
        FROM stored
    )
    SELECT array_agg(s.meter_id), array_agg(s.measured_at) INTO new_meters, new_instants
    FROM stored s;

    RETURN QUERY
    WITH incoming AS (
        SELECT e.place, e.value, r.*,
               row_number() OVER (PARTITION BY r.meter_id, r.measured_at ORDER BY e.place) = 1 AS is_first
        FROM jsonb_array_elements(rows) WITH ORDINALITY AS e (value, place),
             jsonb_populate_record(NULL::meters_reading, e.value) AS r
    ), fresh AS (
        SELECT * FROM unnest(new_meters, new_instants) AS f (meter_id, measured_at)
    ), judged AS (
        SELECT i.*, CASE
            WHEN i.is_first AND f.meter_id IS NOT NULL THEN 'accepted'
            WHEN ({of("i")}) IS NOT DISTINCT FROM ({of("k")}) THEN 'duplicate'
            ELSE 'conflict'
        END AS judgement
        FROM incoming i
        LEFT JOIN fresh f ON f.meter_id = i.meter_id AND f.measured_at = i.measured_at
        LEFT JOIN LATERAL (
            SELECT * FROM meters_reading r
            WHERE r.meter_id = i.meter_id AND r.measured_at = i.measured_at
        ) k ON NOT (i.is_first AND f.meter_id IS NOT NULL)
    ), kept AS (
        INSERT INTO meters_conflict (tenant_id, meter_id, measured_at, reading, digest)
        SELECT j.tenant_id, j.meter_id, j.measured_at, j.value, md5(j.value::text)
        FROM judged j WHERE j.judgement = 'conflict'
        ON CONFLICT DO NOTHING
    )
    SELECT j.place::integer, j.judgement FROM judged j ORDER BY j.place;
END
"""

QUARANTINE = """
    INSERT INTO meters_quarantine (tenant_id, meter_id, measured_at, reason, reading)
    SELECT (e ->> 'tenant_id')::bigint, (e ->> 'meter_id')::bigint,
           (e ->> 'measured_at')::timestamptz, e ->> 'reason',
           e - 'tenant_id' - 'meter_id' - 'reason'
    FROM jsonb_array_elements(rows) AS e
    ON CONFLICT DO NOTHING
"""

# `FOR UPDATE SKIP LOCKED`: two edges that ask for the same key must not wait for each other.
SENDERS = """
    WITH valid AS (
        SELECT k.id, k.tenant_id, k.secret_sha256, k.rate_per_minute
        FROM meters_devicekey k JOIN clients_tenant t ON t.id = k.tenant_id
        WHERE k.secret_sha256 = ANY (hashes) AND k.revoked_at IS NULL AND t.status <> 'closed'
          AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
    ), stale AS (
        SELECT id FROM meters_devicekey
        WHERE id IN (SELECT id FROM valid)
          AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')
        FOR NO KEY UPDATE SKIP LOCKED
    ), used AS (
        UPDATE meters_devicekey SET last_used_at = clock_timestamp()
        WHERE id IN (SELECT id FROM stale)
    )
    SELECT v.secret_sha256, v.id, v.tenant_id, v.rate_per_minute, coalesce((
        SELECT jsonb_object_agg(m.serial, m.id) || jsonb_object_agg(m.public_id::text, m.id)
        FROM meters_devicekeymeter km JOIN meters_meter m ON m.id = km.meter_id
        WHERE km.device_key_id = v.id AND m.is_active
    ), '{}')
    FROM valid v
"""


class Migration(migrations.Migration):
    dependencies = [("meters", "0001_create_meters")]

    operations = [
        migrations.RunSQL(
            f"""
            CREATE TABLE meters_reading (
                tenant_id bigint NOT NULL,
                meter_id bigint NOT NULL,
                measured_at timestamptz NOT NULL,
                received_at timestamptz NOT NULL DEFAULT now(),
                {VALUES},
                PRIMARY KEY (meter_id, measured_at)
            ) PARTITION BY RANGE (measured_at)
            """,
            "DROP TABLE meters_reading",
        ),
        migrations.RunSQL(
            [
                *rls.secure("meters_reading"),
                *rls.grant("meters_reading", "SELECT"),
                f"CREATE POLICY ingest_rows ON meters_touched FOR INSERT TO {INGEST} WITH CHECK (true)",
                f"GRANT INSERT ON meters_touched TO {INGEST}",
                # Rows live for seconds: without this the table would be mostly dead ones.
                "ALTER TABLE meters_touched SET (autovacuum_vacuum_scale_factor = 0, "
                "autovacuum_vacuum_threshold = 5000)",
            ],
            migrations.RunSQL.noop,
        ),
        rls.DefinerFunction(
            "meters_make_partition", "wanted date", "void", MAKE_PARTITION, to="ingest"
        ),
        rls.DefinerFunction(
            "meters_store_or_report",
            "rows jsonb",
            "TABLE (item integer, outcome text)",
            STORE_OR_REPORT,
            to="ingest",
        ),
        rls.DefinerFunction("meters_quarantine", "rows jsonb", "void", QUARANTINE, to="ingest"),
        rls.DefinerFunction(
            "meters_senders",
            "hashes bytea[]",
            "TABLE (hash bytea, key_id bigint, tenant_id bigint, rate_per_minute integer, "
            "meters jsonb)",
            SENDERS,
            to="ingest",
        ),
        rls.DefinerFunction(
            "meters_touched_tenants",
            "most integer",
            "SETOF bigint",
            "SELECT tenant_id FROM meters_touched GROUP BY tenant_id ORDER BY min(id) LIMIT most",
        ),
    ]
