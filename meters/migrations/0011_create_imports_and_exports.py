"""Files of readings in and out, and how long raw readings are kept."""

import clients.kernel.keys
import clients.kernel.tenancy
import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import pghistory.utils
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

from clients.kernel import rls

OPEN = "nullif(current_setting('app.tenant_id', true), '')::bigint"
QUARTER = "date_bin('15 min', measured_at, '2000-01-01 00:00+00')"

# Called in the transaction that stores a chunk: what it added is known, or it added nothing.
# A second worker with the same chunk is refused by the unique key, and all it did goes with it.
KEEP_CHUNK = """
    INSERT INTO meters_importchunk (tenant_id, reading_import_id, number, counts, meter_ids,
                                    instants, conflict_ids, exceptions)
    SELECT i.tenant_id, i.id, place, said, added_meters, added_at, coalesce((
        SELECT array_agg(c.id) FROM meters_conflict c
        JOIN unnest(conflict_meters, conflict_at) AS f (meter_id, measured_at)
            ON c.meter_id = f.meter_id AND c.measured_at = f.measured_at
        WHERE c.tenant_id = wanted_tenant AND c.received_at >= transaction_timestamp()
    ), '{}'), listed
    FROM meters_readingimport i WHERE i.id = wanted AND i.tenant_id = wanted_tenant
"""

# Exactly the rows that the chunk added, and the conflicts that it made.
TAKE_BACK = f"""
DECLARE
    open_tenant bigint := {OPEN};
    taken bigint;
BEGIN
    WITH chunk AS (
        SELECT * FROM meters_importchunk
        WHERE id = wanted AND tenant_id = open_tenant AND undone_at IS NULL FOR UPDATE
    ), added AS MATERIALIZED (
        SELECT c.reading_import_id, a.* FROM chunk c, unnest(c.meter_ids, c.instants) AS a (meter_id, measured_at)
    ), bounds AS (
        SELECT min(measured_at) AS first, max(measured_at) AS last FROM added
    ), gone AS (
        DELETE FROM meters_reading r USING added a
        WHERE r.meter_id = a.meter_id AND r.measured_at = a.measured_at AND r.tenant_id = open_tenant
          AND r.measured_at >= (SELECT first FROM bounds) AND r.measured_at <= (SELECT last FROM bounds)
        RETURNING a.reading_import_id, r.*
    ), kept AS (
        INSERT INTO meters_retractedreading (tenant_id, reading_import_id, meter_id, measured_at,
                                             received_at, reading, retracted_at)
        SELECT tenant_id, reading_import_id, meter_id, measured_at, received_at,
               jsonb_strip_nulls(to_jsonb(gone) - 'tenant_id' - 'reading_import_id' - 'meter_id'
                                 - 'measured_at' - 'received_at'), clock_timestamp()
        FROM gone
        RETURNING 1
    ), touched AS (
        INSERT INTO meters_touched (tenant_id, meter_id, quarter_at)
        SELECT DISTINCT tenant_id, meter_id, {QUARTER} FROM gone
    ), settled AS (
        DELETE FROM meters_conflict WHERE tenant_id = open_tenant AND status = 'waiting'
        AND id IN (SELECT unnest(conflict_ids) FROM chunk)
    ), noted AS (
        UPDATE meters_importchunk SET undone_at = clock_timestamp() WHERE id IN (SELECT id FROM chunk)
    )
    SELECT count(*) INTO taken FROM kept;
    RETURN taken;
END
"""

# Late readings of a time that is settled: they are not counted, and a person must know of them.
SET_APART = f"""
DECLARE
    open_tenant bigint := {OPEN};
    moved bigint;
BEGIN
    WITH late AS (
        DELETE FROM meters_reading r USING meters_retention t
        WHERE t.tenant_id = open_tenant AND r.tenant_id = open_tenant AND r.meter_id = wanted
          AND r.measured_at >= first AND r.measured_at < last AND r.measured_at < t.settled_before
          AND r.received_at > t.settled_at - interval '1 minute'
        RETURNING r.*
    ), said AS (
        SELECT tenant_id, meter_id, measured_at, received_at,
               jsonb_strip_nulls(to_jsonb(late) - 'tenant_id' - 'meter_id' - 'received_at') AS reading
        FROM late
    ), kept AS (
        INSERT INTO meters_quarantine (tenant_id, meter_id, measured_at, received_at, reason, reading,
                                       digest)
        SELECT tenant_id, meter_id, measured_at, received_at, 'settled', reading, md5(reading::text)
        FROM said
        ON CONFLICT DO NOTHING
    )
    SELECT count(*) INTO moved FROM late;
    RETURN moved;
END
"""

# What has passed its time and nothing stands on. `raw_since` was set when all was settled.
FORGET_RAW = f"""
    WITH gone AS (
        DELETE FROM meters_reading r WHERE (r.meter_id, r.measured_at) IN (
            SELECT o.meter_id, o.measured_at FROM meters_reading o
            JOIN meters_retention t ON t.tenant_id = o.tenant_id
            WHERE o.tenant_id = {OPEN} AND o.meter_id = wanted
              AND o.measured_at >= first AND o.measured_at < last AND o.measured_at < t.raw_since
              AND NOT EXISTS (
                  SELECT FROM meters_readinghold h
                  WHERE h.tenant_id = o.tenant_id AND h.meter_id = o.meter_id
                    AND o.measured_at >= h.starts_at AND o.measured_at < h.ends_at)
            ORDER BY o.measured_at LIMIT most
        ) AND r.measured_at >= first AND r.measured_at < last
        RETURNING 1
    )
    SELECT count(*) FROM gone
"""

# Checked under the lock that keeps readers and writers out, so it is true when the table goes.
# Indexes answer every question, so the lock is short; it is not waited for longer than 2 s.
DROP_PARTITION = f"""
DECLARE
    month date := date_trunc('month', wanted);
    starts timestamptz := month::text || ' 00:00+00';
    ends timestamptz := (month + interval '1 month')::date::text || ' 00:00+00';
    name text := 'meters_reading_' || to_char(month, 'YYYY_MM');
    blocked boolean;
BEGIN
    IF to_regclass('{rls.SCHEMA}.' || name) IS NULL THEN
        RETURN 'missing';
    END IF;
    PERFORM set_config('lock_timeout', '2s', true);
    LOCK TABLE meters_reading IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM meters_touched WHERE quarter_at >= starts AND quarter_at < ends) THEN
        RETURN 'touched';
    END IF;
    IF EXISTS (SELECT FROM meters_change WHERE starts_at < ends AND ends_at > starts) THEN
        RETURN 'followed';
    END IF;
    EXECUTE format('SELECT EXISTS (
        SELECT FROM {rls.SCHEMA}.meters_readinghold h
        WHERE h.starts_at < $2 AND h.ends_at > $1 AND EXISTS (
            SELECT FROM {rls.SCHEMA}.%I r WHERE r.meter_id = h.meter_id
              AND r.measured_at >= h.starts_at AND r.measured_at < h.ends_at))', name)
        INTO blocked USING starts, ends;
    IF blocked THEN
        RETURN 'held';
    END IF;
    EXECUTE format('SELECT EXISTS (
        SELECT FROM {rls.SCHEMA}.meters_meter m
        LEFT JOIN {rls.SCHEMA}.meters_retention t ON t.tenant_id = m.tenant_id
        WHERE coalesce(t.raw_since, ''-infinity'') < $1
          AND EXISTS (SELECT FROM {rls.SCHEMA}.%I r WHERE r.meter_id = m.id))', name)
        INTO blocked USING ends;
    IF blocked THEN
        RETURN 'kept';
    END IF;
    EXECUTE format('DROP TABLE {rls.SCHEMA}.%I', name);
    RETURN 'dropped';
END
"""



class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0002_grant_tables_of_packages'),
        ('meters', '0010_keep_peak_hours'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReadingExport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('what', models.CharField(choices=[('readings', 'Readings as the meters said them'), ('intervals', 'Quarter-hours'), ('days', 'Day totals')], default='readings', max_length=10, verbose_name='what')),
                ('format', models.CharField(choices=[('csv', 'CSV'), ('xlsx', 'Excel (XLSX)')], default='csv', max_length=5, verbose_name='format')),
                ('decimal_sign', models.CharField(choices=[('comma', '1234,5 (comma)'), ('point', '1234.5 (point)')], default='comma', max_length=5, verbose_name='decimal sign')),
                ('is_gzip', models.BooleanField(default=False, verbose_name='compressed (gzip)')),
                ('time_zone', models.CharField(max_length=40, verbose_name='time zone')),
                ('starts_at', models.DateTimeField(verbose_name='from')),
                ('ends_at', models.DateTimeField(verbose_name='until')),
                ('meter_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('columns', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, size=None)),
                ('state', models.CharField(choices=[('running', 'Writing'), ('done', 'Ready'), ('failed', 'Failed')], default='running', max_length=8, verbose_name='situation')),
                ('cursor', models.JSONField(default=dict)),
                ('row_count', models.PositiveBigIntegerField(default=0, verbose_name='rows')),
                ('meters_done', models.PositiveIntegerField(default=0)),
                ('error', models.CharField(blank=True, default='', max_length=500)),
                ('created_by', models.CharField(blank=True, default='', max_length=200, verbose_name='by')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='asked')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('expires_at', models.DateTimeField(null=True, verbose_name='kept until')),
                ('worked_at', models.DateTimeField(help_text='The last sign of life of its worker.', null=True)),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'export of readings',
                'verbose_name_plural': 'exports of readings',
                'ordering': ['-created_at', '-id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', '-created_at'], name='meters_export_by_age'), models.Index(condition=models.Q(('state', 'running')), fields=['worked_at'], name='meters_export_at_work')],
                'constraints': [models.CheckConstraint(condition=models.Q(('what__in', ['readings', 'intervals', 'days'])), name='meters_readingexport_what_known'), models.CheckConstraint(condition=models.Q(('format__in', ['csv', 'xlsx'])), name='meters_readingexport_format_known'), models.CheckConstraint(condition=models.Q(('decimal_sign__in', ['comma', 'point'])), name='meters_readingexport_decimal_sign_known'), models.CheckConstraint(condition=models.Q(('state__in', ['running', 'done', 'failed'])), name='meters_readingexport_state_known'), models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='meters_export_ends_after_start')],
            },
        ),
        migrations.CreateModel(
            name='ExportPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=120)),
                ('file_id', models.UUIDField()),
                ('row_count', models.PositiveIntegerField()),
                ('size_bytes', models.PositiveIntegerField()),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
                ('export', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='meters.readingexport')),
            ],
            options={
                'ordering': ['number'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'export', 'number'), name='meters_exportpart_once')],
            },
        ),
        migrations.CreateModel(
            name='ReadingHold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('holder', models.CharField(max_length=30)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('reason', models.CharField(max_length=200)),
                ('until_at', models.DateTimeField(null=True)),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='meters.meter')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'meter'], name='meters_hold_by_meter')],
                'constraints': [models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='meters_hold_ends_after_start')],
            },
        ),
        migrations.CreateModel(
            name='ReadingImport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('name', models.CharField(max_length=120, verbose_name='file')),
                ('source_id', models.UUIDField(editable=False)),
                ('size_bytes', models.PositiveIntegerField(verbose_name='size')),
                ('state', models.CharField(choices=[('detected', 'To check'), ('checking', 'Checking'), ('checked', 'Checked'), ('running', 'Storing'), ('stored', 'Stored'), ('undoing', 'Undoing'), ('undone', 'Undone'), ('failed', 'Not readable')], default='detected', max_length=10, verbose_name='situation')),
                ('mapping', models.JSONField(default=dict, verbose_name='mapping')),
                ('notes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, size=None)),
                ('report', models.JSONField(default=dict, help_text='What the last check found.')),
                ('error', models.CharField(blank=True, default='', max_length=500)),
                ('row_count', models.PositiveIntegerField(default=0, verbose_name='rows')),
                ('seen_count', models.PositiveIntegerField(default=0)),
                ('new_count', models.PositiveIntegerField(default=0, verbose_name='new')),
                ('duplicate_count', models.PositiveIntegerField(default=0, verbose_name='already there')),
                ('conflict_count', models.PositiveIntegerField(default=0, verbose_name='conflicts')),
                ('refused_count', models.PositiveIntegerField(default=0, verbose_name='refused')),
                ('first_at', models.DateTimeField(null=True, verbose_name='first reading')),
                ('last_at', models.DateTimeField(null=True, verbose_name='last reading')),
                ('meter_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('created_by', models.CharField(blank=True, default='', max_length=200, verbose_name='by')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='uploaded')),
                ('started_at', models.DateTimeField(null=True, verbose_name='started')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('worked_at', models.DateTimeField(help_text='The last sign of life of its worker.', null=True)),
                ('undone_at', models.DateTimeField(null=True, verbose_name='undone')),
                ('undone_by', models.CharField(blank=True, default='', max_length=200, verbose_name='undone by')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'import of readings',
                'verbose_name_plural': 'imports of readings',
                'ordering': ['-created_at', '-id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', '-created_at'], name='meters_import_by_age'), models.Index(condition=models.Q(('state__in', ['checking', 'running', 'undoing'])), fields=['worked_at'], name='meters_import_at_work')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['detected', 'checking', 'checked', 'running', 'stored', 'undoing', 'undone', 'failed'])), name='meters_readingimport_state_known')],
            },
        ),
        migrations.CreateModel(
            name='ImportChunk',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('counts', models.JSONField(default=dict)),
                ('meter_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('instants', django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), default=list, size=None)),
                ('conflict_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('exceptions', models.JSONField(default=list)),
                ('undone_at', models.DateTimeField(null=True)),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
                ('reading_import', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='chunks', to='meters.readingimport')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'reading_import', 'number'), name='meters_importchunk_once')],
            },
        ),
        migrations.CreateModel(
            name='Retention',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('keep_months', models.PositiveSmallIntegerField(blank=True, help_text='Empty: for ever. Quarter-hours and day totals stay for ever in any case.', null=True, validators=[django.core.validators.MinValueValidator(6), django.core.validators.MaxValueValidator(240)], verbose_name='keep raw readings (months)')),
                ('raw_since', models.DateTimeField(editable=False, null=True, verbose_name='raw readings since')),
                ('settled_before', models.DateTimeField(editable=False, null=True, verbose_name='settled before')),
                ('settled_at', models.DateTimeField(editable=False, null=True)),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'retention of readings',
                'verbose_name_plural': 'retention of readings',
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant',), name='meters_retention_once'), models.CheckConstraint(condition=models.Q(('keep_months__isnull', True), ('keep_months__range', (6, 240)), _connector='OR'), name='meters_retention_months_range')],
            },
        ),
        migrations.CreateModel(
            name='RetentionEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('keep_months', models.PositiveSmallIntegerField(blank=True, help_text='Empty: for ever. Quarter-hours and day totals stay for ever in any case.', null=True, validators=[django.core.validators.MinValueValidator(6), django.core.validators.MaxValueValidator(240)], verbose_name='keep raw readings (months)')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='meters.retention')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='RetractedReading',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('meter_id', models.BigIntegerField()),
                ('measured_at', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('reading', models.JSONField()),
                ('retracted_at', models.DateTimeField()),
                ('reading_import', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='meters.readingimport')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'meter_id', 'measured_at'], name='meters_retracted_by_at')],
            },
        ),
        migrations.RemoveConstraint(
            model_name='quarantine',
            name='meters_quarantine_reason_known',
        ),
        migrations.AlterField(
            model_name='quarantine',
            name='reason',
            field=models.CharField(choices=[('clock_unset', 'Clock was never set'), ('too_old', 'More than five years old'), ('in_future', 'From the future'), ('ambiguous_time', 'Local time that happened twice'), ('no_such_time', 'Local time that never happened'), ('settled', 'From a time that is settled for good')], max_length=16, verbose_name='reason'),
        ),
        migrations.AddConstraint(
            model_name='quarantine',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['clock_unset', 'too_old', 'in_future', 'ambiguous_time', 'no_such_time', 'settled'])), name='meters_quarantine_reason_known'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='retention',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_retentionevent" ("id", "keep_months", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "tenant_id") VALUES (NEW."id", NEW."keep_months", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."public_id", NEW."tenant_id"); RETURN NULL;', hash='928f12d577c49e43164bc501f197866122256957', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_261e4', table='meters_retention', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='retention',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."keep_months" IS DISTINCT FROM (NEW."keep_months") OR OLD."public_id" IS DISTINCT FROM (NEW."public_id") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id"))', func='INSERT INTO "meters_retentionevent" ("id", "keep_months", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "tenant_id") VALUES (NEW."id", NEW."keep_months", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."public_id", NEW."tenant_id"); RETURN NULL;', hash='e8a509a003a60c56a0f044e291a929137658644a', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_05596', table='meters_retention', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='retention',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_retentionevent" ("id", "keep_months", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "tenant_id") VALUES (OLD."id", OLD."keep_months", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."public_id", OLD."tenant_id"); RETURN NULL;', hash='a6b84909e7dc76e7de859c6232bc2264b8361815', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_0c52a', table='meters_retention', when='AFTER')),
        ),
        rls.SecureTenantTable("ReadingImport"),
        rls.SecureTenantTable("ImportChunk"),
        rls.SecureTenantTable("RetractedReading", grants="SELECT"),
        rls.SecureTenantTable("ReadingExport"),
        rls.SecureTenantTable("ExportPart"),
        rls.SecureTenantTable("Retention"),
        rls.SecureTenantTable("RetentionEvent", grants="SELECT, INSERT"),
        rls.SecureTenantTable("ReadingHold"),
        rls.DefinerFunction(
            "meters_keep_chunk",
            "wanted_tenant bigint, wanted bigint, place integer, said jsonb, added_meters bigint[], "
            "added_at timestamptz[], conflict_meters bigint[], conflict_at timestamptz[], listed jsonb",
            "void",
            KEEP_CHUNK,
            to="ingest",
        ),
        rls.DefinerFunction("meters_take_back", "wanted bigint", "bigint", TAKE_BACK),
        rls.DefinerFunction(
            "meters_open_imports",
            "most integer",
            "TABLE (tenant_id bigint, import_id bigint)",
            "SELECT tenant_id, id FROM meters_readingimport "
            "WHERE state IN ('checking', 'running', 'undoing') "
            "AND coalesce(worked_at, created_at) < clock_timestamp() - interval '1 minute' "
            "ORDER BY id LIMIT most",
        ),
        rls.DefinerFunction(
            "meters_open_exports",
            "most integer",
            "TABLE (tenant_id bigint, export_id bigint)",
            "SELECT tenant_id, id FROM meters_readingexport WHERE state = 'running' "
            "AND coalesce(worked_at, created_at) < clock_timestamp() - interval '1 minute' "
            "ORDER BY id LIMIT most",
        ),
        rls.DefinerFunction(
            "meters_retention_tenants",
            "most integer",
            "SETOF bigint",
            "SELECT tenant_id FROM meters_retention WHERE keep_months IS NOT NULL "
            "OR raw_since IS NOT NULL ORDER BY tenant_id LIMIT most",
        ),
        rls.DefinerFunction(
            "meters_set_apart",
            "wanted bigint, first timestamptz, last timestamptz",
            "bigint",
            SET_APART,
        ),
        rls.DefinerFunction(
            "meters_forget_raw",
            "wanted bigint, first timestamptz, last timestamptz, most integer",
            "bigint",
            FORGET_RAW,
        ),
        rls.DefinerFunction("meters_drop_partition", "wanted date", "text", DROP_PARTITION),
    ]
