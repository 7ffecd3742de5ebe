"""Register events, disregarded readings, estimates and edits; what a meter can deliver."""

import clients.kernel.keys
import clients.kernel.tenancy
import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import pghistory.utils
import pgtrigger.compiler
import pgtrigger.migrations
from decimal import Decimal
from clients.kernel import rls
from django.db import migrations, models


TOUCH = """
    INSERT INTO meters_touched (tenant_id, meter_id, quarter_at)
    SELECT DISTINCT m.tenant_id, m.id, q.quarter_at
    FROM unnest(meter_ids, starts, ends) AS t (meter_id, starts_at, ends_at)
    JOIN meters_meter m ON m.id = t.meter_id
        AND m.tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint,
        generate_series(date_bin('15 min', t.starts_at, '2000-01-01 00:00+00'),
                        t.ends_at - interval '1 microsecond', interval '15 min') AS q (quarter_at)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0002_grant_tables_of_packages'),
        ('meters', '0003_create_changes'),
    ]

    operations = [
        migrations.CreateModel(
            name='Disregarded',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('measured_at', models.DateTimeField(verbose_name='measured at')),
                ('rule', models.CharField(blank=True, max_length=40, verbose_name='rule')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('author', models.CharField(blank=True, max_length=120, verbose_name='by')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='since')),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='meters.meter')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'disregarded reading',
                'verbose_name_plural': 'disregarded readings',
                'ordering': ['-measured_at', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'meter', 'measured_at'), name='meters_disregarded_once')],
            },
        ),
        migrations.CreateModel(
            name='DisregardedEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('measured_at', models.DateTimeField(verbose_name='measured at')),
                ('rule', models.CharField(blank=True, max_length=40, verbose_name='rule')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('author', models.CharField(blank=True, max_length=120, verbose_name='by')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='since')),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='meters.meter')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='meters.disregarded')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Edit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('kind', models.CharField(choices=[('edit', 'Typed values'), ('estimate', 'Estimate asked for')], max_length=10, verbose_name='kind')),
                ('method', models.CharField(blank=True, choices=[('linear', 'Spread evenly'), ('reference_days', 'Like similar days')], max_length=16, verbose_name='method')),
                ('days', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), blank=True, default=list, size=None)),
                ('starts_at', models.DateTimeField(verbose_name='from')),
                ('ends_at', models.DateTimeField(verbose_name='until')),
                ('column', models.CharField(max_length=20)),
                ('values', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('author', models.CharField(max_length=120, verbose_name='by')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='when')),
                ('undone_at', models.DateTimeField(blank=True, null=True, verbose_name='undone')),
                ('undone_by', models.CharField(blank=True, max_length=120, verbose_name='undone by')),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='meters.meter')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'edit',
                'verbose_name_plural': 'edits',
                'ordering': ['-created_at', '-id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'meter', 'starts_at'], name='meters_edit_by_meter')],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['edit', 'estimate'])), name='meters_edit_kind_known'), models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='meters_edit_ends_after_start')],
            },
        ),
        migrations.CreateModel(
            name='EditEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('kind', models.CharField(choices=[('edit', 'Typed values'), ('estimate', 'Estimate asked for')], max_length=10, verbose_name='kind')),
                ('method', models.CharField(blank=True, choices=[('linear', 'Spread evenly'), ('reference_days', 'Like similar days')], max_length=16, verbose_name='method')),
                ('days', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), blank=True, default=list, size=None)),
                ('starts_at', models.DateTimeField(verbose_name='from')),
                ('ends_at', models.DateTimeField(verbose_name='until')),
                ('column', models.CharField(max_length=20)),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('author', models.CharField(max_length=120, verbose_name='by')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='when')),
                ('undone_at', models.DateTimeField(blank=True, null=True, verbose_name='undone')),
                ('undone_by', models.CharField(blank=True, max_length=120, verbose_name='undone by')),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='meters.meter')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='meters.edit')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Estimate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('register', models.CharField(max_length=30)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('method', models.CharField(choices=[('linear', 'Spread evenly'), ('reference_days', 'Like similar days')], max_length=16)),
                ('days', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), default=list, size=None)),
                ('amount', models.BigIntegerField(help_text='What was spread, in watt-seconds or millilitres.')),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='meters.meter')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'estimate',
                'verbose_name_plural': 'estimates',
                'ordering': ['-starts_at', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.CheckConstraint(condition=models.Q(('method__in', ['linear', 'reference_days'])), name='meters_estimate_method_known'), models.UniqueConstraint(fields=('tenant', 'meter', 'register', 'starts_at'), name='meters_estimate_once')],
            },
        ),
        migrations.CreateModel(
            name='RegisterEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('register', models.CharField(blank=True, max_length=30, verbose_name='register')),
                ('kind', models.CharField(choices=[('rollover', 'Register full, started again'), ('reset', 'Register set to zero'), ('dip', 'Fell and came back'), ('spike', 'Rose and came back'), ('scale', 'Unit changed'), ('drop', 'Fell, unexplained'), ('jump', 'Rose more than possible'), ('real', 'Value is right'), ('exchange', 'Meter exchanged'), ('ratio', 'Transformer ratio changed'), ('clock', 'Clock wrong')], max_length=10, verbose_name='kind')),
                ('detected_kind', models.CharField(blank=True, choices=[('rollover', 'Register full, started again'), ('reset', 'Register set to zero'), ('dip', 'Fell and came back'), ('spike', 'Rose and came back'), ('scale', 'Unit changed'), ('drop', 'Fell, unexplained'), ('jump', 'Rose more than possible'), ('real', 'Value is right'), ('exchange', 'Meter exchanged'), ('ratio', 'Transformer ratio changed'), ('clock', 'Clock wrong')], editable=False, max_length=10)),
                ('state', models.CharField(choices=[('detected', 'To check'), ('confirmed', 'Confirmed'), ('corrected', 'Corrected')], default='detected', max_length=10, verbose_name='state')),
                ('starts_at', models.DateTimeField(verbose_name='from')),
                ('ends_at', models.DateTimeField(verbose_name='until')),
                ('value_before', models.BigIntegerField(blank=True, null=True, verbose_name='value before')),
                ('value_between', models.BigIntegerField(blank=True, null=True, verbose_name='value between')),
                ('value_after', models.BigIntegerField(blank=True, null=True, verbose_name='value after')),
                ('left_out', models.PositiveIntegerField(default=0, verbose_name='readings left out')),
                ('offset', models.BigIntegerField(blank=True, null=True, verbose_name='offset')),
                ('factor', models.DecimalField(blank=True, decimal_places=6, max_digits=12, null=True, verbose_name='factor')),
                ('decided_by', models.CharField(blank=True, max_length=120, verbose_name='decided by')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided')),
                ('note', models.CharField(blank=True, max_length=200, verbose_name='note')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='noticed')),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='register_events', to='meters.meter')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'register event',
                'verbose_name_plural': 'register events',
                'ordering': ['-starts_at', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'state', 'starts_at'], name='meters_event_by_state')],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['rollover', 'reset', 'dip', 'spike', 'scale', 'drop', 'jump', 'real', 'exchange', 'ratio', 'clock'])), name='meters_registerevent_kind_known'), models.CheckConstraint(condition=models.Q(('state__in', ['detected', 'confirmed', 'corrected'])), name='meters_registerevent_state_known'), models.UniqueConstraint(condition=models.Q(('state', 'detected')), fields=('tenant', 'meter', 'register', 'starts_at', 'kind'), name='meters_registerevent_once'), models.CheckConstraint(condition=models.Q(('ends_at__gte', models.F('starts_at'))), name='meters_registerevent_ends_after_start')],
            },
        ),
        migrations.CreateModel(
            name='RegisterEventEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('register', models.CharField(blank=True, max_length=30, verbose_name='register')),
                ('kind', models.CharField(choices=[('rollover', 'Register full, started again'), ('reset', 'Register set to zero'), ('dip', 'Fell and came back'), ('spike', 'Rose and came back'), ('scale', 'Unit changed'), ('drop', 'Fell, unexplained'), ('jump', 'Rose more than possible'), ('real', 'Value is right'), ('exchange', 'Meter exchanged'), ('ratio', 'Transformer ratio changed'), ('clock', 'Clock wrong')], max_length=10, verbose_name='kind')),
                ('detected_kind', models.CharField(blank=True, choices=[('rollover', 'Register full, started again'), ('reset', 'Register set to zero'), ('dip', 'Fell and came back'), ('spike', 'Rose and came back'), ('scale', 'Unit changed'), ('drop', 'Fell, unexplained'), ('jump', 'Rose more than possible'), ('real', 'Value is right'), ('exchange', 'Meter exchanged'), ('ratio', 'Transformer ratio changed'), ('clock', 'Clock wrong')], editable=False, max_length=10)),
                ('state', models.CharField(choices=[('detected', 'To check'), ('confirmed', 'Confirmed'), ('corrected', 'Corrected')], default='detected', max_length=10, verbose_name='state')),
                ('starts_at', models.DateTimeField(verbose_name='from')),
                ('ends_at', models.DateTimeField(verbose_name='until')),
                ('value_before', models.BigIntegerField(blank=True, null=True, verbose_name='value before')),
                ('value_between', models.BigIntegerField(blank=True, null=True, verbose_name='value between')),
                ('value_after', models.BigIntegerField(blank=True, null=True, verbose_name='value after')),
                ('left_out', models.PositiveIntegerField(default=0, verbose_name='readings left out')),
                ('offset', models.BigIntegerField(blank=True, null=True, verbose_name='offset')),
                ('factor', models.DecimalField(blank=True, decimal_places=6, max_digits=12, null=True, verbose_name='factor')),
                ('decided_by', models.CharField(blank=True, max_length=120, verbose_name='decided by')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided')),
                ('note', models.CharField(blank=True, max_length=200, verbose_name='note')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='noticed')),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='meters.meter')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='meters.registerevent')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='installation',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='installation',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='installation',
            name='delete_delete',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='meter',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='meter',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='meter',
            name='delete_delete',
        ),
        migrations.RemoveConstraint(
            model_name='daytotal',
            name='meters_daytotal_rule_known',
        ),
        migrations.RemoveConstraint(
            model_name='interval',
            name='meters_interval_rule_known',
        ),
        migrations.AddField(
            model_name='installation',
            name='multiplier',
            field=models.DecimalField(db_default=Decimal('1'), decimal_places=4, default=Decimal('1'), help_text='What one unit of the register stands for here: 1 without transformers.', max_digits=12, verbose_name='multiplier (CT × PT)'),
        ),
        migrations.AddField(
            model_name='installationevent',
            name='multiplier',
            field=models.DecimalField(db_default=Decimal('1'), decimal_places=4, default=Decimal('1'), help_text='What one unit of the register stands for here: 1 without transformers.', max_digits=12, verbose_name='multiplier (CT × PT)'),
        ),
        migrations.AddField(
            model_name='interval',
            name='author',
            field=models.CharField(blank=True, db_default='', max_length=120),
        ),
        migrations.AddField(
            model_name='meter',
            name='max_flow_l_per_h',
            field=models.PositiveBigIntegerField(blank=True, help_text='Empty: 3,600 m³/h, more than any of ours.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='can let through at most (L/h)'),
        ),
        migrations.AddField(
            model_name='meter',
            name='max_power_w',
            field=models.PositiveBigIntegerField(blank=True, help_text='What the connection can carry at all. Empty: 10 MW, more than any of ours.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='can deliver at most (W)'),
        ),
        migrations.AddField(
            model_name='meter',
            name='register_step',
            field=models.PositiveBigIntegerField(db_default=1, default=1, help_text='1,000 for a register that counts whole kWh or m³.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='one of the last digit (Wh or L)'),
        ),
        migrations.AddField(
            model_name='meter',
            name='reports_every_seconds',
            field=models.PositiveIntegerField(blank=True, help_text='How often a reading is expected. Empty: unknown.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2678400)], verbose_name='reports every (s)'),
        ),
        migrations.AddField(
            model_name='meterevent',
            name='max_flow_l_per_h',
            field=models.PositiveBigIntegerField(blank=True, help_text='Empty: 3,600 m³/h, more than any of ours.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='can let through at most (L/h)'),
        ),
        migrations.AddField(
            model_name='meterevent',
            name='max_power_w',
            field=models.PositiveBigIntegerField(blank=True, help_text='What the connection can carry at all. Empty: 10 MW, more than any of ours.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='can deliver at most (W)'),
        ),
        migrations.AddField(
            model_name='meterevent',
            name='register_step',
            field=models.PositiveBigIntegerField(db_default=1, default=1, help_text='1,000 for a register that counts whole kWh or m³.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='one of the last digit (Wh or L)'),
        ),
        migrations.AddField(
            model_name='meterevent',
            name='reports_every_seconds',
            field=models.PositiveIntegerField(blank=True, help_text='How often a reading is expected. Empty: unknown.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2678400)], verbose_name='reports every (s)'),
        ),
        migrations.AlterField(
            model_name='daytotal',
            name='rule',
            field=models.CharField(choices=[('register', 'Difference of the register'), ('register_gap', 'Difference of the register, spread evenly over a gap'), ('reference_days', 'Difference of the register, spread like similar days'), ('power', 'Power times time'), ('flow', 'Flow times time'), ('by_hand', 'Entered by a person'), ('asked', 'Estimate asked for by a person')], help_text='The weakest of the day.', max_length=16),
        ),
        migrations.AlterField(
            model_name='interval',
            name='rule',
            field=models.CharField(choices=[('register', 'Difference of the register'), ('register_gap', 'Difference of the register, spread evenly over a gap'), ('reference_days', 'Difference of the register, spread like similar days'), ('power', 'Power times time'), ('flow', 'Flow times time'), ('by_hand', 'Entered by a person'), ('asked', 'Estimate asked for by a person')], max_length=16),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='installation',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_installationevent" ("end_register", "ends_at", "id", "meter_id", "metering_point_id", "multiplier", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "start_register", "starts_at", "tenant_id") VALUES (NEW."end_register", NEW."ends_at", NEW."id", NEW."meter_id", NEW."metering_point_id", NEW."multiplier", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."public_id", NEW."start_register", NEW."starts_at", NEW."tenant_id"); RETURN NULL;', hash='1d99e71e40d271227494e8c3791b3febd8ad9daa', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_43a02', table='meters_installation', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='installation',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "meters_installationevent" ("end_register", "ends_at", "id", "meter_id", "metering_point_id", "multiplier", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "start_register", "starts_at", "tenant_id") VALUES (NEW."end_register", NEW."ends_at", NEW."id", NEW."meter_id", NEW."metering_point_id", NEW."multiplier", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."public_id", NEW."start_register", NEW."starts_at", NEW."tenant_id"); RETURN NULL;', hash='4b2bbff6578f6bef328de8bb5c4d0c1134cfefd7', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_b3e43', table='meters_installation', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='installation',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_installationevent" ("end_register", "ends_at", "id", "meter_id", "metering_point_id", "multiplier", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "start_register", "starts_at", "tenant_id") VALUES (OLD."end_register", OLD."ends_at", OLD."id", OLD."meter_id", OLD."metering_point_id", OLD."multiplier", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."public_id", OLD."start_register", OLD."starts_at", OLD."tenant_id"); RETURN NULL;', hash='dc578699c0855c032b9a36c701ff1f46915addc1', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_c6fc3', table='meters_installation', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meter',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_meterevent" ("created_at", "digits", "id", "is_active", "kind", "max_flow_l_per_h", "max_power_w", "model", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "register_step", "reports_every_seconds", "sample_seconds", "serial", "tenant_id") VALUES (NEW."created_at", NEW."digits", NEW."id", NEW."is_active", NEW."kind", NEW."max_flow_l_per_h", NEW."max_power_w", NEW."model", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."public_id", NEW."register_step", NEW."reports_every_seconds", NEW."sample_seconds", NEW."serial", NEW."tenant_id"); RETURN NULL;', hash='8ec4ebe88ba6be86d8343fdc238ab4c567bd4f8c', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_2bbe0', table='meters_meter', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meter',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."digits" IS DISTINCT FROM (NEW."digits") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."max_flow_l_per_h" IS DISTINCT FROM (NEW."max_flow_l_per_h") OR OLD."max_power_w" IS DISTINCT FROM (NEW."max_power_w") OR OLD."model" IS DISTINCT FROM (NEW."model") OR OLD."public_id" IS DISTINCT FROM (NEW."public_id") OR OLD."register_step" IS DISTINCT FROM (NEW."register_step") OR OLD."reports_every_seconds" IS DISTINCT FROM (NEW."reports_every_seconds") OR OLD."sample_seconds" IS DISTINCT FROM (NEW."sample_seconds") OR OLD."serial" IS DISTINCT FROM (NEW."serial") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id"))', func='INSERT INTO "meters_meterevent" ("created_at", "digits", "id", "is_active", "kind", "max_flow_l_per_h", "max_power_w", "model", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "register_step", "reports_every_seconds", "sample_seconds", "serial", "tenant_id") VALUES (NEW."created_at", NEW."digits", NEW."id", NEW."is_active", NEW."kind", NEW."max_flow_l_per_h", NEW."max_power_w", NEW."model", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."public_id", NEW."register_step", NEW."reports_every_seconds", NEW."sample_seconds", NEW."serial", NEW."tenant_id"); RETURN NULL;', hash='5584d1eab2f8f7c88742b87e5b81149457c88746', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_f8f2b', table='meters_meter', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meter',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_meterevent" ("created_at", "digits", "id", "is_active", "kind", "max_flow_l_per_h", "max_power_w", "model", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "register_step", "reports_every_seconds", "sample_seconds", "serial", "tenant_id") VALUES (OLD."created_at", OLD."digits", OLD."id", OLD."is_active", OLD."kind", OLD."max_flow_l_per_h", OLD."max_power_w", OLD."model", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."public_id", OLD."register_step", OLD."reports_every_seconds", OLD."sample_seconds", OLD."serial", OLD."tenant_id"); RETURN NULL;', hash='3e63e8705a9ebb1ca326b0e6a276e10787b5ea37', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_27532', table='meters_meter', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='daytotal',
            constraint=models.CheckConstraint(condition=models.Q(('rule__in', ['register', 'register_gap', 'reference_days', 'power', 'flow', 'by_hand', 'asked'])), name='meters_daytotal_rule_known'),
        ),
        migrations.AddConstraint(
            model_name='installation',
            constraint=models.CheckConstraint(condition=models.Q(('multiplier__gt', 0)), name='meters_installation_multiplier_positive'),
        ),
        migrations.AddConstraint(
            model_name='interval',
            constraint=models.CheckConstraint(condition=models.Q(('rule__in', ['register', 'register_gap', 'reference_days', 'power', 'flow', 'by_hand', 'asked'])), name='meters_interval_rule_known'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('register_step__range', (1, 1000000))), name='meters_meter_register_step_range'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='disregarded',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_disregardedevent" ("author", "created_at", "id", "measured_at", "meter_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "rule", "tenant_id") VALUES (NEW."author", NEW."created_at", NEW."id", NEW."measured_at", NEW."meter_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."reason", NEW."rule", NEW."tenant_id"); RETURN NULL;', hash='8e8d42a81f124c6e076cdfc22674d18913bf1cc1', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_f9174', table='meters_disregarded', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='disregarded',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "meters_disregardedevent" ("author", "created_at", "id", "measured_at", "meter_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "rule", "tenant_id") VALUES (NEW."author", NEW."created_at", NEW."id", NEW."measured_at", NEW."meter_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."reason", NEW."rule", NEW."tenant_id"); RETURN NULL;', hash='07f4dd8c11472c9b5d96056343bd38b3fbd77685', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_a4050', table='meters_disregarded', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='disregarded',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_disregardedevent" ("author", "created_at", "id", "measured_at", "meter_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "rule", "tenant_id") VALUES (OLD."author", OLD."created_at", OLD."id", OLD."measured_at", OLD."meter_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."reason", OLD."rule", OLD."tenant_id"); RETURN NULL;', hash='d70fd147e395759c801f100dfec0effa72d279c3', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_5ea8f', table='meters_disregarded', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='edit',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_editevent" ("author", "column", "created_at", "days", "ends_at", "id", "kind", "meter_id", "method", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "reason", "starts_at", "tenant_id", "undone_at", "undone_by") VALUES (NEW."author", NEW."column", NEW."created_at", NEW."days", NEW."ends_at", NEW."id", NEW."kind", NEW."meter_id", NEW."method", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."public_id", NEW."reason", NEW."starts_at", NEW."tenant_id", NEW."undone_at", NEW."undone_by"); RETURN NULL;', hash='29a1bcca64d919699dd31cec4d26916cc2b5866b', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_d993f', table='meters_edit', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='edit',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."author" IS DISTINCT FROM (NEW."author") OR OLD."column" IS DISTINCT FROM (NEW."column") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."days" IS DISTINCT FROM (NEW."days") OR OLD."ends_at" IS DISTINCT FROM (NEW."ends_at") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."meter_id" IS DISTINCT FROM (NEW."meter_id") OR OLD."method" IS DISTINCT FROM (NEW."method") OR OLD."public_id" IS DISTINCT FROM (NEW."public_id") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."starts_at" IS DISTINCT FROM (NEW."starts_at") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id") OR OLD."undone_at" IS DISTINCT FROM (NEW."undone_at") OR OLD."undone_by" IS DISTINCT FROM (NEW."undone_by"))', func='INSERT INTO "meters_editevent" ("author", "column", "created_at", "days", "ends_at", "id", "kind", "meter_id", "method", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "reason", "starts_at", "tenant_id", "undone_at", "undone_by") VALUES (NEW."author", NEW."column", NEW."created_at", NEW."days", NEW."ends_at", NEW."id", NEW."kind", NEW."meter_id", NEW."method", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."public_id", NEW."reason", NEW."starts_at", NEW."tenant_id", NEW."undone_at", NEW."undone_by"); RETURN NULL;', hash='f18c6f0b8c01e5396954f03dc11cbff5132b79bb', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_4b33b', table='meters_edit', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='edit',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_editevent" ("author", "column", "created_at", "days", "ends_at", "id", "kind", "meter_id", "method", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "reason", "starts_at", "tenant_id", "undone_at", "undone_by") VALUES (OLD."author", OLD."column", OLD."created_at", OLD."days", OLD."ends_at", OLD."id", OLD."kind", OLD."meter_id", OLD."method", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."public_id", OLD."reason", OLD."starts_at", OLD."tenant_id", OLD."undone_at", OLD."undone_by"); RETURN NULL;', hash='d31356f3c95814e7423a36725354d3cde6fa134a', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_a3911', table='meters_edit', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='registerevent',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_registereventevent" ("created_at", "decided_at", "decided_by", "detected_kind", "ends_at", "factor", "id", "kind", "left_out", "meter_id", "note", "offset", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "register", "starts_at", "state", "tenant_id", "value_after", "value_before", "value_between") VALUES (NEW."created_at", NEW."decided_at", NEW."decided_by", NEW."detected_kind", NEW."ends_at", NEW."factor", NEW."id", NEW."kind", NEW."left_out", NEW."meter_id", NEW."note", NEW."offset", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."public_id", NEW."register", NEW."starts_at", NEW."state", NEW."tenant_id", NEW."value_after", NEW."value_before", NEW."value_between"); RETURN NULL;', hash='1265afc6790b417c428799ce22c3a4259e4a0383', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_faac2', table='meters_registerevent', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='registerevent',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "meters_registereventevent" ("created_at", "decided_at", "decided_by", "detected_kind", "ends_at", "factor", "id", "kind", "left_out", "meter_id", "note", "offset", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "register", "starts_at", "state", "tenant_id", "value_after", "value_before", "value_between") VALUES (NEW."created_at", NEW."decided_at", NEW."decided_by", NEW."detected_kind", NEW."ends_at", NEW."factor", NEW."id", NEW."kind", NEW."left_out", NEW."meter_id", NEW."note", NEW."offset", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."public_id", NEW."register", NEW."starts_at", NEW."state", NEW."tenant_id", NEW."value_after", NEW."value_before", NEW."value_between"); RETURN NULL;', hash='cc019f95eb28c3eef8a72ad0da6844c5796572a0', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_73885', table='meters_registerevent', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='registerevent',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_registereventevent" ("created_at", "decided_at", "decided_by", "detected_kind", "ends_at", "factor", "id", "kind", "left_out", "meter_id", "note", "offset", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "register", "starts_at", "state", "tenant_id", "value_after", "value_before", "value_between") VALUES (OLD."created_at", OLD."decided_at", OLD."decided_by", OLD."detected_kind", OLD."ends_at", OLD."factor", OLD."id", OLD."kind", OLD."left_out", OLD."meter_id", OLD."note", OLD."offset", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."public_id", OLD."register", OLD."starts_at", OLD."state", OLD."tenant_id", OLD."value_after", OLD."value_before", OLD."value_between"); RETURN NULL;', hash='7c1105d9965ace9fe2fe94f9aa35e54ba99704b2', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_97a53', table='meters_registerevent', when='AFTER')),
        ),
        *(rls.SecureTenantTable(model) for model in ("RegisterEvent", "Disregarded", "Estimate", "Edit")),
        *(
            rls.SecureTenantTable(model, grants="SELECT, INSERT")
            for model in ("RegisterEventEvent", "DisregardedEvent", "EditEvent")
        ),
        rls.DefinerFunction(
            "meters_touch",
            "meter_ids bigint[], starts timestamptz[], ends timestamptz[]",
            "void",
            TOUCH,
        ),
    ]
