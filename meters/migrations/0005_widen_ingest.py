"""What devices may say besides: zones and units of keys, decisions on what was set apart, clocks,
quantities that arrive apart from each other, and readings that go on to another Pulso."""

from importlib import import_module

import clients.kernel.fields
import clients.kernel.keys
import clients.kernel.tenancy
import clients.models.tenant
import django.contrib.postgres.functions
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import pghistory.utils
import pgtrigger.compiler
import pgtrigger.migrations
from clients.kernel import rls
from clients.kernel.leases import LeaseFunction
from django.db import migrations, models

FIRST = import_module("meters.migrations.0002_create_readings")
OLD = {
    operation.name: operation
    for operation in FIRST.Migration.operations
    if isinstance(operation, rls.DefinerFunction)
}
NAMES = [name for name in FIRST.NAMES if name != "extra"]
KEY = "meter_id, measured_at"


class Replace(rls.DefinerFunction):
    """A function in place of the one of the same name that an earlier migration made."""

    def __init__(self, name, returns, body):
        old = OLD[name]
        super().__init__(name, old.args, returns, body, to=old.to)

    def describe(self):
        return f"Replace the function {self.name}"

    def forwards(self, app_label, apps):
        old = OLD[self.name]
        return [*old.backwards(app_label, apps), *super().forwards(app_label, apps)]

    def backwards(self, app_label, apps):
        return [*super().backwards(app_label, apps), *OLD[self.name].forwards(app_label, apps)]


def adds(said: str, known: str) -> str:
    """Whether a reading says a quantity that was not said before of its instant."""
    columns = " OR ".join(f"({known}.{n} IS NULL AND {said}.{n} IS NOT NULL)" for n in NAMES)
    extra = f"{said}.extra || coalesce({known}.extra, '{{}}') IS DISTINCT FROM coalesce({known}.extra, '{{}}')"
    return f"({columns} OR ({said}.extra IS NOT NULL AND {extra}))"


def contradicts(said: str, kept: str) -> str:
    """Whether a reading says another value of a quantity than the one that was kept."""
    columns = " OR ".join(f"{said}.{name} <> {kept}.{name}" for name in NAMES)
    extra = f"{said}.extra || {kept}.extra <> {kept}.extra || {said}.extra"
    return f"coalesce({columns} OR {extra}, false)"


def matches(one: str, other: str) -> str:
    return f"{one}.meter_id = {other}.meter_id AND {one}.measured_at = {other}.measured_at"


def rows_of(keys: str) -> str:
    """The stored rows of an array's keys, found one by one through the primary key."""
    return f"""
        SELECT array_agg(r) FROM (
            SELECT DISTINCT {KEY} FROM unnest({keys}) AS k
        ) k CROSS JOIN LATERAL (
            SELECT * FROM meters_reading r
            WHERE r.meter_id = k.meter_id AND r.measured_at = k.measured_at
        ) r
    """


# The natural key of a value is meter, instant and quantity. A device or driver that reports the
# quantities of an instant in several messages adds to the row; what was said never changes.
# Statements of their own on purpose: each sees what others committed while the one before waited.
STORE_OR_REPORT = f"""
DECLARE
    incoming meters_reading[];
    repeated meters_reading[];
    known meters_reading[];
    kept meters_reading[];
    new_meters bigint[];
    new_instants timestamptz[];
    added integer;
BEGIN
    SELECT array_agg(r ORDER BY e.place) INTO incoming
    FROM jsonb_array_elements(rows) WITH ORDINALITY AS e (value, place),
         LATERAL jsonb_populate_record(NULL::meters_reading, e.value) AS r;

    WITH once AS (
        SELECT DISTINCT ON ({KEY}) * FROM unnest(incoming) WITH ORDINALITY AS i
        ORDER BY {KEY}, ordinality
    ), stored AS (
        INSERT INTO meters_reading ({FIRST.FIELDS}) SELECT {FIRST.FIELDS} FROM once
        ON CONFLICT ({KEY}) DO NOTHING
        RETURNING tenant_id, {KEY}
    ), touched AS (
        INSERT INTO meters_touched (tenant_id, meter_id, quarter_at)
        SELECT DISTINCT tenant_id, meter_id, date_bin('15 min', measured_at, '2000-01-01 00:00+00')
        FROM stored
    )
    SELECT array_agg(s.meter_id), array_agg(s.measured_at) INTO new_meters, new_instants
    FROM stored s;

    IF cardinality(new_meters) = cardinality(incoming) THEN
        RETURN QUERY SELECT place, 'accepted' FROM generate_series(1, cardinality(incoming)) AS place;
        RETURN;
    END IF;

    SELECT array_agg(ROW(t.tenant_id, t.meter_id, t.measured_at, t.received_at,
        {", ".join("t." + name for name in FIRST.NAMES)})::meters_reading) INTO repeated
    FROM (
        SELECT u.*, row_number() OVER (PARTITION BY u.meter_id, u.measured_at) AS turn
        FROM unnest(incoming) AS u
    ) t
    LEFT JOIN unnest(new_meters, new_instants) AS f (meter_id, measured_at)
        ON {matches("f", "t")}
    WHERE t.turn > 1 OR f.meter_id IS NULL;
    known := ({rows_of("repeated")});

    WITH adding AS (
        SELECT i.* FROM unnest(incoming) WITH ORDINALITY AS i JOIN unnest(known) AS o ON {matches("i", "o")}
        WHERE {adds("i", "o")}
    ), lacking AS (
        SELECT meter_id, measured_at,
            {", ".join(f"(array_agg({n} ORDER BY ordinality) FILTER (WHERE {n} IS NOT NULL))[1] AS {n}" for n in NAMES)}
        FROM adding GROUP BY meter_id, measured_at
    ), more AS (  -- of two values for a name the last one given here stays: the first that was said
        SELECT a.meter_id, a.measured_at, jsonb_object_agg(x.key, x.value ORDER BY a.ordinality DESC) AS extra
        FROM adding a CROSS JOIN LATERAL jsonb_each(a.extra) AS x GROUP BY a.meter_id, a.measured_at
    ), completed AS (
        UPDATE meters_reading AS r
        SET {", ".join(f"{n} = coalesce(r.{n}, l.{n})" for n in NAMES)},
            extra = CASE WHEN m.extra IS NULL THEN r.extra ELSE m.extra || coalesce(r.extra, '{{}}') END
        FROM lacking l LEFT JOIN more m ON {matches("m", "l")}
        WHERE {matches("r", "l")}
        RETURNING r.tenant_id, r.meter_id, r.measured_at
    ), touched AS (
        INSERT INTO meters_touched (tenant_id, meter_id, quarter_at)
        SELECT DISTINCT tenant_id, meter_id, date_bin('15 min', measured_at, '2000-01-01 00:00+00')
        FROM completed
    )
    SELECT count(*) INTO added FROM completed;
    kept := known;
    IF added > 0 THEN
        kept := ({rows_of("repeated")});
    END IF;

    RETURN QUERY
    WITH judged AS (
        SELECT i.tenant_id, i.meter_id, i.measured_at, i.ordinality AS place, CASE
            WHEN i.turn = 1 AND f.meter_id IS NOT NULL THEN 'accepted'
            WHEN {contradicts("i", "k")} THEN 'conflict'
            WHEN {adds("i", "o")} THEN 'accepted'
            ELSE 'duplicate'
        END AS judgement
        FROM (
            SELECT u.*, row_number() OVER (PARTITION BY u.meter_id, u.measured_at ORDER BY u.ordinality) AS turn
            FROM unnest(incoming) WITH ORDINALITY AS u
        ) i
        LEFT JOIN unnest(new_meters, new_instants) AS f (meter_id, measured_at) ON {matches("f", "i")}
        LEFT JOIN unnest(known) AS o ON {matches("o", "i")}
        LEFT JOIN unnest(kept) AS k ON {matches("k", "i")}
    ), conflicting AS (
        INSERT INTO meters_conflict (tenant_id, meter_id, measured_at, reading, digest)
        SELECT j.tenant_id, j.meter_id, j.measured_at, c.reading, md5(c.reading::text)
        FROM judged j
        CROSS JOIN LATERAL (SELECT rows -> (j.place - 1)::integer AS reading) c
        WHERE j.judgement = 'conflict'
        ON CONFLICT DO NOTHING
    )
    SELECT j.place::integer, j.judgement FROM judged j ORDER BY j.place;
END
"""

# A device that says the same impossible thing again is counted once.
QUARANTINE = """
    WITH said AS (
        SELECT (e ->> 'tenant_id')::bigint AS tenant_id, (e ->> 'meter_id')::bigint AS meter_id,
               (e ->> 'measured_at')::timestamptz AS measured_at, e ->> 'reason' AS reason,
               e - 'tenant_id' - 'meter_id' - 'reason' AS reading
        FROM jsonb_array_elements(rows) AS e
    ), kept AS (
        INSERT INTO meters_quarantine (tenant_id, meter_id, measured_at, reason, reading, digest)
        SELECT tenant_id, meter_id, measured_at, reason, reading, md5(reading::text) FROM said
        ON CONFLICT DO NOTHING
        RETURNING tenant_id, meter_id, measured_at, reason
    )
    INSERT INTO meters_meterclock AS c (
        tenant_id, meter_id, wrong_count, wrong_at, wrong_reason, wrong_skew_s)
    SELECT tenant_id, meter_id, count(*), now(), (array_agg(reason ORDER BY measured_at DESC))[1],
           extract(epoch FROM max(measured_at) - now())
    FROM kept GROUP BY tenant_id, meter_id ORDER BY meter_id
    ON CONFLICT (tenant_id, meter_id) DO UPDATE SET
        wrong_count = c.wrong_count + excluded.wrong_count, wrong_at = excluded.wrong_at,
        wrong_reason = excluded.wrong_reason, wrong_skew_s = excluded.wrong_skew_s
"""

NOTE_CLOCKS = """
    INSERT INTO meters_meterclock AS c (
        tenant_id, meter_id, last_lag_s, least_lag_s, least_since, seen_at, wrong_count, wrong_reason)
    SELECT n.tenant_id, n.meter_id, n.lag_s, n.lag_s, now(), now(), 0, ''
    FROM jsonb_to_recordset(rows) AS n (tenant_id bigint, meter_id bigint, lag_s float8)
    JOIN meters_meter m ON m.id = n.meter_id AND m.tenant_id = n.tenant_id
    ORDER BY n.meter_id
    ON CONFLICT (tenant_id, meter_id) DO UPDATE SET
        last_lag_s = excluded.last_lag_s, seen_at = excluded.seen_at,
        least_since = CASE WHEN c.least_since > now() - interval '1 day'
            AND c.least_lag_s <= excluded.least_lag_s THEN c.least_since ELSE now() END,
        least_lag_s = CASE WHEN c.least_since > now() - interval '1 day'
            THEN least(c.least_lag_s, excluded.least_lag_s) ELSE excluded.least_lag_s END
"""

SENDERS = FIRST.SENDERS.replace(
    "k.rate_per_minute\n", "k.rate_per_minute, k.time_zone, k.epoch_unit, k.stamps_arrival\n"
).replace(
    "WHERE km.device_key_id = v.id AND m.is_active\n    ), '{}')",
    "WHERE km.device_key_id = v.id AND m.is_active\n    ), '{}'), "
    "v.time_zone, v.epoch_unit, v.stamps_arrival",
)


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0002_grant_tables_of_packages"),
        ("meters", "0004_validate_registers"),
    ]

    operations = [
        migrations.CreateModel(
            name="ForwardBatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "due_at",
                    models.DateTimeField(
                        blank=True, db_default=django.db.models.functions.datetime.Now(), null=True
                    ),
                ),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("died_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=500)),
                ("stretches", models.JSONField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("accepted", models.IntegerField(default=0)),
                ("duplicates", models.IntegerField(default=0)),
                ("conflicts", models.IntegerField(default=0)),
                ("rejected", models.IntegerField(default=0)),
                ("rejects", models.JSONField(default=list)),
            ],
            options={
                "verbose_name": "batch to forward",
                "verbose_name_plural": "batches to forward",
                "ordering": ["-id"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ForwardedMeter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name_there",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Empty: the same.",
                        max_length=64,
                        verbose_name="name over there",
                    ),
                ),
            ],
            options={
                "verbose_name": "forwarded meter",
                "verbose_name_plural": "forwarded meters",
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Forwarder",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.UUIDField(
                        default=clients.kernel.keys.uuid7, editable=False, unique=True
                    ),
                ),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                (
                    "url",
                    models.CharField(
                        help_text="As in https://pulso.example.com, without path.",
                        max_length=200,
                        verbose_name="address",
                    ),
                ),
                (
                    "device_key",
                    clients.kernel.fields.EncryptedTextField(
                        editable=True,
                        help_text="Made over there; it begins with plsk_.",
                        verbose_name="device key",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "sent_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="last sent"
                    ),
                ),
                (
                    "sent_count",
                    models.BigIntegerField(default=0, editable=False, verbose_name="readings sent"),
                ),
                (
                    "rejected_count",
                    models.BigIntegerField(
                        default=0, editable=False, verbose_name="readings refused"
                    ),
                ),
                (
                    "failed_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="failing since"
                    ),
                ),
                (
                    "last_error",
                    models.CharField(blank=True, default="", editable=False, max_length=300),
                ),
            ],
            options={
                "verbose_name": "forwarding",
                "verbose_name_plural": "forwardings",
                "ordering": ["name", "id"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ForwarderEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("pgh_context", pghistory.utils.JSONField(null=True)),
                ("pgh_context_id", models.UUIDField(null=True)),
                ("id", models.BigIntegerField()),
                ("public_id", models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                (
                    "url",
                    models.CharField(
                        help_text="As in https://pulso.example.com, without path.",
                        max_length=200,
                        verbose_name="address",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="MeterClock",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("last_lag_s", models.FloatField(null=True, verbose_name="last lag (s)")),
                ("least_lag_s", models.FloatField(null=True, verbose_name="least lag (s)")),
                ("least_since", models.DateTimeField(null=True, verbose_name="least since")),
                ("seen_at", models.DateTimeField(null=True, verbose_name="compared")),
                ("wrong_count", models.IntegerField(default=0, verbose_name="impossible times")),
                (
                    "wrong_at",
                    models.DateTimeField(null=True, verbose_name="last impossible time came"),
                ),
                ("wrong_reason", models.CharField(blank=True, default="", max_length=16)),
                (
                    "wrong_skew_s",
                    models.FloatField(null=True, verbose_name="how far it was off (s)"),
                ),
            ],
            options={
                "verbose_name": "meter clock",
                "verbose_name_plural": "meter clocks",
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AlterModelOptions(
            name="conflict",
            options={
                "base_manager_name": "objects",
                "ordering": ["-received_at", "-id"],
                "verbose_name": "conflicting reading",
                "verbose_name_plural": "conflicting readings",
            },
        ),
        migrations.AlterModelOptions(
            name="quarantine",
            options={
                "base_manager_name": "objects",
                "ordering": ["-received_at", "-id"],
                "verbose_name": "quarantined reading",
                "verbose_name_plural": "quarantined readings",
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="devicekey",
            name="insert_insert",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="devicekey",
            name="update_update",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="devicekey",
            name="delete_delete",
        ),
        migrations.RemoveConstraint(
            model_name="quarantine",
            name="meters_quarantine_reason_known",
        ),
        migrations.RemoveConstraint(
            model_name="quarantine",
            name="meters_quarantine_once",
        ),
        migrations.AddField(
            model_name="conflict",
            name="handled_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="decided"
            ),
        ),
        migrations.AddField(
            model_name="conflict",
            name="handled_by",
            field=models.CharField(
                db_default="", editable=False, max_length=120, verbose_name="decided by"
            ),
        ),
        migrations.AddField(
            model_name="conflict",
            name="note",
            field=models.CharField(blank=True, db_default="", max_length=300, verbose_name="note"),
        ),
        migrations.AddField(
            model_name="conflict",
            name="public_id",
            field=models.UUIDField(
                db_default=django.contrib.postgres.functions.RandomUUID(),
                editable=False,
                unique=True,
            ),
        ),
        migrations.AddField(
            model_name="conflict",
            name="status",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("released", "Stored with another time"),
                    ("discarded", "Discarded"),
                    ("acknowledged", "Seen"),
                ],
                db_default="waiting",
                max_length=12,
                verbose_name="situation",
            ),
        ),
        migrations.AddField(
            model_name="devicekey",
            name="epoch_unit",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Times are written out"),
                    ("s", "Seconds since 1970"),
                    ("ms", "Milliseconds since 1970"),
                ],
                default="",
                help_text="Which unit a number has that is sent as a time; else it is refused.",
                max_length=2,
                verbose_name="numbers as times",
            ),
        ),
        migrations.AddField(
            model_name="devicekey",
            name="stamps_arrival",
            field=models.BooleanField(
                default=False,
                help_text="Readings without a time count as of their arrival; sent again, they count again.",
                verbose_name="has no clock",
            ),
        ),
        migrations.AddField(
            model_name="devicekey",
            name="time_zone",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Empty: a time without its offset is refused.",
                max_length=40,
                validators=[clients.models.tenant.known_zone],
                verbose_name="zone of times without offset",
            ),
        ),
        migrations.AddField(
            model_name="devicekeyevent",
            name="epoch_unit",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Times are written out"),
                    ("s", "Seconds since 1970"),
                    ("ms", "Milliseconds since 1970"),
                ],
                default="",
                help_text="Which unit a number has that is sent as a time; else it is refused.",
                max_length=2,
                verbose_name="numbers as times",
            ),
        ),
        migrations.AddField(
            model_name="devicekeyevent",
            name="stamps_arrival",
            field=models.BooleanField(
                default=False,
                help_text="Readings without a time count as of their arrival; sent again, they count again.",
                verbose_name="has no clock",
            ),
        ),
        migrations.AddField(
            model_name="devicekeyevent",
            name="time_zone",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Empty: a time without its offset is refused.",
                max_length=40,
                validators=[clients.models.tenant.known_zone],
                verbose_name="zone of times without offset",
            ),
        ),
        migrations.AddField(
            model_name="quarantine",
            name="digest",
            field=models.CharField(db_default="", editable=False, max_length=32),
        ),
        migrations.AddField(
            model_name="quarantine",
            name="handled_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="decided"
            ),
        ),
        migrations.AddField(
            model_name="quarantine",
            name="handled_by",
            field=models.CharField(
                db_default="", editable=False, max_length=120, verbose_name="decided by"
            ),
        ),
        migrations.AddField(
            model_name="quarantine",
            name="note",
            field=models.CharField(blank=True, db_default="", max_length=300, verbose_name="note"),
        ),
        migrations.AddField(
            model_name="quarantine",
            name="public_id",
            field=models.UUIDField(
                db_default=django.contrib.postgres.functions.RandomUUID(),
                editable=False,
                unique=True,
            ),
        ),
        migrations.AddField(
            model_name="quarantine",
            name="status",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("released", "Stored with another time"),
                    ("discarded", "Discarded"),
                    ("acknowledged", "Seen"),
                ],
                db_default="waiting",
                max_length=12,
                verbose_name="situation",
            ),
        ),
        migrations.AddField(
            model_name="quarantine",
            name="stored_as",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="stored as of"
            ),
        ),
        migrations.AlterField(
            model_name="conflict",
            name="digest",
            field=models.CharField(db_default="", editable=False, max_length=32),
        ),
        migrations.AlterField(
            model_name="conflict",
            name="reading",
            field=models.JSONField(verbose_name="what was said"),
        ),
        migrations.AlterField(
            model_name="devicekey",
            name="rate_per_minute",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Empty: the installation's default.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(100000000),
                ],
                verbose_name="requests a minute",
            ),
        ),
        migrations.AlterField(
            model_name="devicekeyevent",
            name="rate_per_minute",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Empty: the installation's default.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(100000000),
                ],
                verbose_name="requests a minute",
            ),
        ),
        migrations.AlterField(
            model_name="quarantine",
            name="reading",
            field=models.JSONField(verbose_name="what was said"),
        ),
        migrations.AlterField(
            model_name="quarantine",
            name="reason",
            field=models.CharField(
                choices=[
                    ("clock_unset", "Clock was never set"),
                    ("too_old", "More than five years old"),
                    ("in_future", "From the future"),
                    ("ambiguous_time", "Local time that happened twice"),
                    ("no_such_time", "Local time that never happened"),
                ],
                max_length=16,
                verbose_name="reason",
            ),
        ),
        migrations.AddIndex(
            model_name="conflict",
            index=models.Index(
                fields=["tenant", "-received_at"], name="meters_conflict_by_arrival"
            ),
        ),
        migrations.AddIndex(
            model_name="quarantine",
            index=models.Index(
                fields=["tenant", "-received_at"], name="meters_quarantine_by_arrival"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="devicekey",
            trigger=pgtrigger.compiler.Trigger(
                name="insert_insert",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='INSERT INTO "meters_devicekeyevent" ("created_at", "epoch_unit", "expires_at", "id", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "prefix", "public_id", "rate_per_minute", "revoked_at", "stamps_arrival", "tenant_id", "time_zone") VALUES (NEW."created_at", NEW."epoch_unit", NEW."expires_at", NEW."id", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."prefix", NEW."public_id", NEW."rate_per_minute", NEW."revoked_at", NEW."stamps_arrival", NEW."tenant_id", NEW."time_zone"); RETURN NULL;',
                    hash="83ac82ef458b4c6daab95cd5887248eeae817b77",
                    ignore_func_name='"pulso"._pgtrigger_should_ignore',
                    operation="INSERT",
                    pgid="pgtrigger_insert_insert_223b3",
                    table="meters_devicekey",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="devicekey",
            trigger=pgtrigger.compiler.Trigger(
                name="update_update",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."epoch_unit" IS DISTINCT FROM (NEW."epoch_unit") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."prefix" IS DISTINCT FROM (NEW."prefix") OR OLD."public_id" IS DISTINCT FROM (NEW."public_id") OR OLD."rate_per_minute" IS DISTINCT FROM (NEW."rate_per_minute") OR OLD."revoked_at" IS DISTINCT FROM (NEW."revoked_at") OR OLD."stamps_arrival" IS DISTINCT FROM (NEW."stamps_arrival") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id") OR OLD."time_zone" IS DISTINCT FROM (NEW."time_zone"))',
                    func='INSERT INTO "meters_devicekeyevent" ("created_at", "epoch_unit", "expires_at", "id", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "prefix", "public_id", "rate_per_minute", "revoked_at", "stamps_arrival", "tenant_id", "time_zone") VALUES (NEW."created_at", NEW."epoch_unit", NEW."expires_at", NEW."id", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."prefix", NEW."public_id", NEW."rate_per_minute", NEW."revoked_at", NEW."stamps_arrival", NEW."tenant_id", NEW."time_zone"); RETURN NULL;',
                    hash="65f7081ae187364401791bd802da047db6957ccb",
                    ignore_func_name='"pulso"._pgtrigger_should_ignore',
                    operation="UPDATE",
                    pgid="pgtrigger_update_update_3a1e8",
                    table="meters_devicekey",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="devicekey",
            trigger=pgtrigger.compiler.Trigger(
                name="delete_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='INSERT INTO "meters_devicekeyevent" ("created_at", "epoch_unit", "expires_at", "id", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "prefix", "public_id", "rate_per_minute", "revoked_at", "stamps_arrival", "tenant_id", "time_zone") VALUES (OLD."created_at", OLD."epoch_unit", OLD."expires_at", OLD."id", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."prefix", OLD."public_id", OLD."rate_per_minute", OLD."revoked_at", OLD."stamps_arrival", OLD."tenant_id", OLD."time_zone"); RETURN NULL;',
                    hash="ee51bf96295a5339ba86c3762b339285ca968d2f",
                    ignore_func_name='"pulso"._pgtrigger_should_ignore',
                    operation="DELETE",
                    pgid="pgtrigger_delete_delete_fed19",
                    table="meters_devicekey",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="conflict",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["waiting", "released", "discarded", "acknowledged"])
                ),
                name="meters_conflict_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="devicekey",
            constraint=models.CheckConstraint(
                condition=models.Q(("epoch_unit__in", ["", "s", "ms"])),
                name="meters_devicekey_epoch_unit_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="quarantine",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "reason__in",
                        ["clock_unset", "too_old", "in_future", "ambiguous_time", "no_such_time"],
                    )
                ),
                name="meters_quarantine_reason_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="quarantine",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["waiting", "released", "discarded", "acknowledged"])
                ),
                name="meters_quarantine_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="quarantine",
            constraint=models.UniqueConstraint(
                fields=("tenant", "meter", "measured_at", "digest"), name="meters_quarantine_once"
            ),
        ),
        migrations.AddField(
            model_name="forwardbatch",
            name="tenant",
            field=clients.kernel.tenancy.OwnTenantKey(
                blank=True,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="clients.tenant",
            ),
        ),
        migrations.AddField(
            model_name="forwardedmeter",
            name="meter",
            field=clients.kernel.tenancy.TenantForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="meters.meter",
            ),
        ),
        migrations.AddField(
            model_name="forwardedmeter",
            name="tenant",
            field=clients.kernel.tenancy.OwnTenantKey(
                blank=True,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="clients.tenant",
            ),
        ),
        migrations.AddField(
            model_name="forwarder",
            name="meters",
            field=models.ManyToManyField(
                related_name="+",
                through="meters.ForwardedMeter",
                to="meters.meter",
                verbose_name="meters",
            ),
        ),
        migrations.AddField(
            model_name="forwarder",
            name="tenant",
            field=clients.kernel.tenancy.OwnTenantKey(
                blank=True,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="clients.tenant",
            ),
        ),
        migrations.AddField(
            model_name="forwardedmeter",
            name="forwarder",
            field=clients.kernel.tenancy.TenantForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="chosen",
                to="meters.forwarder",
            ),
        ),
        migrations.AddField(
            model_name="forwardbatch",
            name="forwarder",
            field=clients.kernel.tenancy.TenantForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="batches",
                to="meters.forwarder",
            ),
        ),
        migrations.AddField(
            model_name="forwarderevent",
            name="pgh_obj",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="meters.forwarder",
            ),
        ),
        migrations.AddField(
            model_name="forwarderevent",
            name="tenant",
            field=clients.kernel.tenancy.OwnTenantKey(
                blank=True,
                db_constraint=False,
                editable=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                related_query_name="+",
                to="clients.tenant",
            ),
        ),
        migrations.AddField(
            model_name="meterclock",
            name="meter",
            field=clients.kernel.tenancy.TenantForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="meters.meter",
            ),
        ),
        migrations.AddField(
            model_name="meterclock",
            name="tenant",
            field=clients.kernel.tenancy.OwnTenantKey(
                blank=True,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="clients.tenant",
            ),
        ),
        migrations.AddConstraint(
            model_name="forwarder",
            constraint=models.UniqueConstraint(
                fields=("tenant", "name"),
                name="meters_forwarder_name_once",
                violation_error_code="name_taken",
                violation_error_message="Another forwarding has this name.",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="forwarder",
            trigger=pgtrigger.compiler.Trigger(
                name="insert_insert",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='INSERT INTO "meters_forwarderevent" ("created_at", "id", "is_active", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "tenant_id", "url") VALUES (NEW."created_at", NEW."id", NEW."is_active", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."public_id", NEW."tenant_id", NEW."url"); RETURN NULL;',
                    hash="9a2a7f8faa5cb55ed6228f0b71311965ebed989f",
                    ignore_func_name='"pulso"._pgtrigger_should_ignore',
                    operation="INSERT",
                    pgid="pgtrigger_insert_insert_7aa07",
                    table="meters_forwarder",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="forwarder",
            trigger=pgtrigger.compiler.Trigger(
                name="update_update",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."public_id" IS DISTINCT FROM (NEW."public_id") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id") OR OLD."url" IS DISTINCT FROM (NEW."url"))',
                    func='INSERT INTO "meters_forwarderevent" ("created_at", "id", "is_active", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "tenant_id", "url") VALUES (NEW."created_at", NEW."id", NEW."is_active", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."public_id", NEW."tenant_id", NEW."url"); RETURN NULL;',
                    hash="582c50516c391e7b29eb7d03aba3bf3063c86e99",
                    ignore_func_name='"pulso"._pgtrigger_should_ignore',
                    operation="UPDATE",
                    pgid="pgtrigger_update_update_79484",
                    table="meters_forwarder",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="forwarder",
            trigger=pgtrigger.compiler.Trigger(
                name="delete_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='INSERT INTO "meters_forwarderevent" ("created_at", "id", "is_active", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "tenant_id", "url") VALUES (OLD."created_at", OLD."id", OLD."is_active", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."public_id", OLD."tenant_id", OLD."url"); RETURN NULL;',
                    hash="eecd41a27f022c1e4bb7de58649f288bd5315497",
                    ignore_func_name='"pulso"._pgtrigger_should_ignore',
                    operation="DELETE",
                    pgid="pgtrigger_delete_delete_cdb00",
                    table="meters_forwarder",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="forwardedmeter",
            constraint=models.UniqueConstraint(
                fields=("tenant", "forwarder", "meter"), name="meters_forwardedmeter_once"
            ),
        ),
        migrations.AddIndex(
            model_name="forwardbatch",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)),
                fields=["due_at"],
                name="meters_forwardbatch_due",
            ),
        ),
        migrations.AddIndex(
            model_name="forwardbatch",
            index=models.Index(
                fields=["tenant", "forwarder", "-id"], name="meters_forwardbatch_of"
            ),
        ),
        migrations.AddConstraint(
            model_name="meterclock",
            constraint=models.UniqueConstraint(
                fields=("tenant", "meter"), name="meters_meterclock_once"
            ),
        ),
        *(
            rls.SecureTenantTable(model)
            for model in ("MeterClock", "Forwarder", "ForwardedMeter", "ForwardBatch")
        ),
        rls.SecureTenantTable("ForwarderEvent", grants="SELECT, INSERT"),
        LeaseFunction("meters_forwardbatch"),
        migrations.RunSQL(
            [
                f"GRANT UPDATE ON meters_quarantine TO {FIRST.APP}",
                f"GRANT UPDATE ON meters_conflict TO {FIRST.APP}",
            ],
            [
                f"REVOKE UPDATE ON meters_quarantine FROM {FIRST.APP}",
                f"REVOKE UPDATE ON meters_conflict FROM {FIRST.APP}",
            ],
        ),
        Replace("meters_store_or_report", "TABLE (item integer, outcome text)", STORE_OR_REPORT),
        Replace("meters_quarantine", "void", QUARANTINE),
        Replace(
            "meters_senders",
            "TABLE (hash bytea, key_id bigint, tenant_id bigint, rate_per_minute integer, "
            "meters jsonb, time_zone text, epoch_unit text, stamps_arrival boolean)",
            SENDERS,
        ),
        rls.DefinerFunction("meters_note_clocks", "rows jsonb", "void", NOTE_CLOCKS, to="ingest"),
    ]
