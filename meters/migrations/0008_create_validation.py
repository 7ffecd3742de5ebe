"""Rules of validation, as tenants want them, and the stretches that the rules do not believe."""

import clients.kernel.keys
import clients.kernel.tenancy
import django.db.models.deletion
import pghistory.utils
import pgtrigger.compiler
import pgtrigger.migrations
from clients.kernel import rls
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0002_grant_tables_of_packages'),
        ('meters', '0007_hear_meters'),
    ]

    operations = [
        migrations.CreateModel(
            name='MeterException',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('rule', models.CharField(choices=[('missing_intervals', 'Missing intervals'), ('duplicate', 'Two answers for one instant'), ('inactive', 'Inactive measurement'), ('interval_size', 'Interval size'), ('clock', 'Clock ahead'), ('high_low', 'High or low day'), ('interval_spike', 'Interval spike'), ('spike', 'Spike of one reading'), ('stuck_value', 'Stuck value'), ('zero_consumption', 'Zero consumption'), ('negative_consumption', 'Negative consumption'), ('prolonged_estimation', 'Prolonged estimation'), ('sum_check', 'Sum check'), ('multiplier', 'Multiplier'), ('scale_jump', 'Scale jump'), ('plausibility', 'Unit of measure'), ('dynamic_comparison', 'Dynamic comparison'), ('silent_phase', 'Silent phase'), ('demand_limit', 'Demand limit'), ('register_fall', 'Register fell')], max_length=24, verbose_name='rule')),
                ('severity', models.CharField(choices=[('info', 'Notice'), ('warn', 'Worth checking'), ('fail', 'Serious')], max_length=4, verbose_name='severity')),
                ('starts_at', models.DateTimeField(verbose_name='from')),
                ('ends_at', models.DateTimeField(verbose_name='until')),
                ('values', models.JSONField(default=dict, verbose_name='evidence')),
                ('state', models.CharField(choices=[('open', 'To decide'), ('acknowledged', 'Being looked at'), ('resolved', 'Decided')], default='open', max_length=12, verbose_name='situation')),
                ('resolution', models.CharField(blank=True, choices=[('accepted', 'Kept as it is'), ('disregarded', 'Left out'), ('estimated', 'Estimated'), ('edited', 'Corrected by hand'), ('healed', 'Healed by itself'), ('withdrawn', 'Rule not in use any more')], default='', max_length=12, verbose_name='decision')),
                ('decided_by', models.CharField(blank=True, default='', max_length=120, verbose_name='by')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided')),
                ('note', models.CharField(blank=True, default='', max_length=400, verbose_name='note')),
                ('found_at', models.DateTimeField(verbose_name='found')),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='exceptions', to='meters.meter')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'suspect reading',
                'verbose_name_plural': 'suspect readings',
                'ordering': ['-starts_at', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'state', '-starts_at'], name='meters_exception_by_state'), models.Index(fields=['tenant', 'meter', 'rule', 'ends_at'], name='meters_exception_by_meter')],
                'constraints': [models.CheckConstraint(condition=models.Q(('rule__in', ['missing_intervals', 'duplicate', 'inactive', 'interval_size', 'clock', 'high_low', 'interval_spike', 'spike', 'stuck_value', 'zero_consumption', 'negative_consumption', 'prolonged_estimation', 'sum_check', 'multiplier', 'scale_jump', 'plausibility', 'dynamic_comparison', 'silent_phase', 'demand_limit', 'register_fall'])), name='meters_meterexception_rule_known'), models.CheckConstraint(condition=models.Q(('severity__in', ['info', 'warn', 'fail'])), name='meters_meterexception_severity_known'), models.CheckConstraint(condition=models.Q(('state__in', ['open', 'acknowledged', 'resolved'])), name='meters_meterexception_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('resolution__in', ['accepted', 'disregarded', 'estimated', 'edited', 'healed', 'withdrawn']), ('state', 'resolved')), models.Q(models.Q(('state', 'resolved'), _negated=True), ('resolution', '')), _connector='OR'), name='meters_exception_resolution_told'), models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='meters_exception_ends_after_start'), models.UniqueConstraint(fields=('tenant', 'meter', 'rule', 'starts_at'), name='meters_exception_once')],
            },
        ),
        migrations.CreateModel(
            name='MeterExceptionEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('rule', models.CharField(choices=[('missing_intervals', 'Missing intervals'), ('duplicate', 'Two answers for one instant'), ('inactive', 'Inactive measurement'), ('interval_size', 'Interval size'), ('clock', 'Clock ahead'), ('high_low', 'High or low day'), ('interval_spike', 'Interval spike'), ('spike', 'Spike of one reading'), ('stuck_value', 'Stuck value'), ('zero_consumption', 'Zero consumption'), ('negative_consumption', 'Negative consumption'), ('prolonged_estimation', 'Prolonged estimation'), ('sum_check', 'Sum check'), ('multiplier', 'Multiplier'), ('scale_jump', 'Scale jump'), ('plausibility', 'Unit of measure'), ('dynamic_comparison', 'Dynamic comparison'), ('silent_phase', 'Silent phase'), ('demand_limit', 'Demand limit'), ('register_fall', 'Register fell')], max_length=24, verbose_name='rule')),
                ('severity', models.CharField(choices=[('info', 'Notice'), ('warn', 'Worth checking'), ('fail', 'Serious')], max_length=4, verbose_name='severity')),
                ('starts_at', models.DateTimeField(verbose_name='from')),
                ('state', models.CharField(choices=[('open', 'To decide'), ('acknowledged', 'Being looked at'), ('resolved', 'Decided')], default='open', max_length=12, verbose_name='situation')),
                ('resolution', models.CharField(blank=True, choices=[('accepted', 'Kept as it is'), ('disregarded', 'Left out'), ('estimated', 'Estimated'), ('edited', 'Corrected by hand'), ('healed', 'Healed by itself'), ('withdrawn', 'Rule not in use any more')], default='', max_length=12, verbose_name='decision')),
                ('decided_by', models.CharField(blank=True, default='', max_length=120, verbose_name='by')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided')),
                ('note', models.CharField(blank=True, default='', max_length=400, verbose_name='note')),
                ('found_at', models.DateTimeField(verbose_name='found')),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='meters.meter')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='meters.meterexception')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ValidationRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('code', models.CharField(choices=[('missing_intervals', 'Missing intervals'), ('duplicate', 'Two answers for one instant'), ('inactive', 'Inactive measurement'), ('interval_size', 'Interval size'), ('clock', 'Clock ahead'), ('high_low', 'High or low day'), ('interval_spike', 'Interval spike'), ('spike', 'Spike of one reading'), ('stuck_value', 'Stuck value'), ('zero_consumption', 'Zero consumption'), ('negative_consumption', 'Negative consumption'), ('prolonged_estimation', 'Prolonged estimation'), ('sum_check', 'Sum check'), ('multiplier', 'Multiplier'), ('scale_jump', 'Scale jump'), ('plausibility', 'Unit of measure'), ('dynamic_comparison', 'Dynamic comparison'), ('silent_phase', 'Silent phase'), ('demand_limit', 'Demand limit'), ('register_fall', 'Register fell')], max_length=24, verbose_name='rule')),
                ('kind', models.CharField(blank=True, choices=[('energy', 'Energy'), ('water', 'Water'), ('solar', 'Solar generation')], default='', max_length=10, verbose_name='kind of meter')),
                ('severity', models.CharField(choices=[('info', 'Notice'), ('warn', 'Worth checking'), ('fail', 'Serious')], max_length=4, verbose_name='severity')),
                ('is_enabled', models.BooleanField(default=True, verbose_name='in use')),
                ('parameters', models.JSONField(blank=True, default=dict, verbose_name='parameters')),
                ('changed_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'validation rule',
                'verbose_name_plural': 'validation rules',
                'ordering': ['code', 'kind', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.CheckConstraint(condition=models.Q(('code__in', ['missing_intervals', 'duplicate', 'inactive', 'interval_size', 'clock', 'high_low', 'interval_spike', 'spike', 'stuck_value', 'zero_consumption', 'negative_consumption', 'prolonged_estimation', 'sum_check', 'multiplier', 'scale_jump', 'plausibility', 'dynamic_comparison', 'silent_phase', 'demand_limit', 'register_fall'])), name='meters_validationrule_code_known'), models.CheckConstraint(condition=models.Q(('kind__in', ['', 'energy', 'water', 'solar'])), name='meters_validationrule_kind_known'), models.CheckConstraint(condition=models.Q(('severity__in', ['info', 'warn', 'fail'])), name='meters_validationrule_severity_known'), models.UniqueConstraint(fields=('tenant', 'code', 'kind'), name='meters_validationrule_once', violation_error_code='rule_taken', violation_error_message='This rule is already set for this kind of meter.')],
            },
        ),
        migrations.CreateModel(
            name='ValidationRuleEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('code', models.CharField(choices=[('missing_intervals', 'Missing intervals'), ('duplicate', 'Two answers for one instant'), ('inactive', 'Inactive measurement'), ('interval_size', 'Interval size'), ('clock', 'Clock ahead'), ('high_low', 'High or low day'), ('interval_spike', 'Interval spike'), ('spike', 'Spike of one reading'), ('stuck_value', 'Stuck value'), ('zero_consumption', 'Zero consumption'), ('negative_consumption', 'Negative consumption'), ('prolonged_estimation', 'Prolonged estimation'), ('sum_check', 'Sum check'), ('multiplier', 'Multiplier'), ('scale_jump', 'Scale jump'), ('plausibility', 'Unit of measure'), ('dynamic_comparison', 'Dynamic comparison'), ('silent_phase', 'Silent phase'), ('demand_limit', 'Demand limit'), ('register_fall', 'Register fell')], max_length=24, verbose_name='rule')),
                ('kind', models.CharField(blank=True, choices=[('energy', 'Energy'), ('water', 'Water'), ('solar', 'Solar generation')], default='', max_length=10, verbose_name='kind of meter')),
                ('severity', models.CharField(choices=[('info', 'Notice'), ('warn', 'Worth checking'), ('fail', 'Serious')], max_length=4, verbose_name='severity')),
                ('is_enabled', models.BooleanField(default=True, verbose_name='in use')),
                ('parameters', models.JSONField(blank=True, default=dict, verbose_name='parameters')),
                ('changed_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='meters.validationrule')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meterexception',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_meterexceptionevent" ("decided_at", "decided_by", "found_at", "id", "meter_id", "note", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "resolution", "rule", "severity", "starts_at", "state", "tenant_id") VALUES (NEW."decided_at", NEW."decided_by", NEW."found_at", NEW."id", NEW."meter_id", NEW."note", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."public_id", NEW."resolution", NEW."rule", NEW."severity", NEW."starts_at", NEW."state", NEW."tenant_id"); RETURN NULL;', hash='4c04821508c6370301d90d9e46d244d44242945d', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_d1362', table='meters_meterexception', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meterexception',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."decided_at" IS DISTINCT FROM (NEW."decided_at") OR OLD."decided_by" IS DISTINCT FROM (NEW."decided_by") OR OLD."found_at" IS DISTINCT FROM (NEW."found_at") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."meter_id" IS DISTINCT FROM (NEW."meter_id") OR OLD."note" IS DISTINCT FROM (NEW."note") OR OLD."public_id" IS DISTINCT FROM (NEW."public_id") OR OLD."resolution" IS DISTINCT FROM (NEW."resolution") OR OLD."rule" IS DISTINCT FROM (NEW."rule") OR OLD."severity" IS DISTINCT FROM (NEW."severity") OR OLD."starts_at" IS DISTINCT FROM (NEW."starts_at") OR OLD."state" IS DISTINCT FROM (NEW."state") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id"))', func='INSERT INTO "meters_meterexceptionevent" ("decided_at", "decided_by", "found_at", "id", "meter_id", "note", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "resolution", "rule", "severity", "starts_at", "state", "tenant_id") VALUES (NEW."decided_at", NEW."decided_by", NEW."found_at", NEW."id", NEW."meter_id", NEW."note", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."public_id", NEW."resolution", NEW."rule", NEW."severity", NEW."starts_at", NEW."state", NEW."tenant_id"); RETURN NULL;', hash='455f5f079ae84a2540977d72e868c3126e94c217', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_c2518', table='meters_meterexception', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meterexception',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_meterexceptionevent" ("decided_at", "decided_by", "found_at", "id", "meter_id", "note", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "resolution", "rule", "severity", "starts_at", "state", "tenant_id") VALUES (OLD."decided_at", OLD."decided_by", OLD."found_at", OLD."id", OLD."meter_id", OLD."note", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."public_id", OLD."resolution", OLD."rule", OLD."severity", OLD."starts_at", OLD."state", OLD."tenant_id"); RETURN NULL;', hash='8721a661f0697e9dc668dd273ac79ca1e7a84030', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_8b95b', table='meters_meterexception', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='validationrule',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_validationruleevent" ("changed_at", "code", "id", "is_enabled", "kind", "parameters", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "severity", "tenant_id") VALUES (NEW."changed_at", NEW."code", NEW."id", NEW."is_enabled", NEW."kind", NEW."parameters", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."public_id", NEW."severity", NEW."tenant_id"); RETURN NULL;', hash='255daeb83bd82b1376a410037b3034ddb5978b59', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_0f746', table='meters_validationrule', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='validationrule',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "meters_validationruleevent" ("changed_at", "code", "id", "is_enabled", "kind", "parameters", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "severity", "tenant_id") VALUES (NEW."changed_at", NEW."code", NEW."id", NEW."is_enabled", NEW."kind", NEW."parameters", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."public_id", NEW."severity", NEW."tenant_id"); RETURN NULL;', hash='5a4d567573b1a8368fef51d06453a9c5238113bb', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_b9291', table='meters_validationrule', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='validationrule',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_validationruleevent" ("changed_at", "code", "id", "is_enabled", "kind", "parameters", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "severity", "tenant_id") VALUES (OLD."changed_at", OLD."code", OLD."id", OLD."is_enabled", OLD."kind", OLD."parameters", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."public_id", OLD."severity", OLD."tenant_id"); RETURN NULL;', hash='cc6976f194662ef883fa2a4cba3bfd66f2c19664', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_1a26c', table='meters_validationrule', when='AFTER')),
        ),
        rls.SecureTenantTable("ValidationRule"),
        rls.SecureTenantTable("ValidationRuleEvent", grants="SELECT, INSERT"),
        rls.SecureTenantTable("MeterException"),
        rls.SecureTenantTable("MeterExceptionEvent", grants="SELECT, INSERT"),
        rls.DefinerFunction(
            "meters_tenants_with_meters",
            "",
            "SETOF bigint",
            "SELECT DISTINCT tenant_id FROM meters_meter WHERE is_active",
        ),
    ]
