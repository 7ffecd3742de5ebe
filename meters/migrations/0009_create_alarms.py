"""Rules that ring, what rang, and how far each has looked."""

import clients.kernel.keys
import clients.kernel.tenancy
import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import meters.models.alarm_metrics
import pghistory.utils
import pgtrigger.compiler
import pgtrigger.migrations
from clients.kernel import rls
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0002_grant_tables_of_packages'),
        ('meters', '0008_create_validation'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AlarmRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('kind', models.CharField(choices=[('threshold', 'A value crosses a limit'), ('rate', 'A value changes too fast'), ('offline', 'No data')], default='threshold', max_length=10, verbose_name='what happens')),
                ('metric', models.CharField(blank=True, choices=meters.models.alarm_metrics.metric_choices, max_length=32, verbose_name='value')),
                ('operator', models.CharField(blank=True, choices=[('>', 'above'), ('>=', 'at or above'), ('<', 'below'), ('<=', 'at or below'), ('==', 'equal to'), ('!=', 'other than')], default='>', max_length=2, verbose_name='is')),
                ('threshold', models.FloatField(blank=True, null=True, verbose_name='limit')),
                ('for_seconds', models.PositiveIntegerField(default=0, help_text="For “no data”: how long nothing came; 0 means three of the meter's own intervals.", validators=[django.core.validators.MaxValueValidator(2592000)], verbose_name='for at least (s)')),
                ('window_seconds', models.PositiveIntegerField(blank=True, help_text='For “changes too fast”: over how long the change is measured.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(86400)], verbose_name='change within (s)')),
                ('hysteresis', models.FloatField(default=0, help_text='How far back past the limit the value must come before the alarm ends.', validators=[django.core.validators.MinValueValidator(0)], verbose_name='margin to end')),
                ('weekdays', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(help_text='0 is Monday.', validators=[django.core.validators.MaxValueValidator(6)]), blank=True, default=list, help_text='Empty: every day.', size=7, verbose_name='only on')),
                ('daily_from', models.TimeField(blank=True, null=True, verbose_name='only from')),
                ('daily_until', models.TimeField(blank=True, null=True, verbose_name='until')),
                ('severity', models.CharField(choices=[('info', 'Information'), ('warning', 'Warning'), ('critical', 'Critical')], default='warning', max_length=8, verbose_name='severity')),
                ('scope', models.CharField(choices=[('tenant', 'All meters'), ('client', "A client's meters"), ('site', 'The meters of a site'), ('meter', 'One meter')], default='tenant', max_length=6, verbose_name='applies to')),
                ('tells', models.CharField(choices=[('nobody', 'Nobody'), ('owners', 'Owners'), ('managers', 'Owners and managers'), ('operators', 'Owners, managers and operators')], default='managers', max_length=10, verbose_name='tells')),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('active_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('client', clients.kernel.tenancy.TenantForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='alarm_rules', to='clients.client')),
                ('meter', clients.kernel.tenancy.TenantForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='alarm_rules', to='meters.meter')),
                ('site', clients.kernel.tenancy.TenantForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='alarm_rules', to='meters.site')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'alarm rule',
                'verbose_name_plural': 'alarm rules',
                'ordering': ['name', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['threshold', 'rate', 'offline'])), name='meters_alarmrule_kind_known'), models.CheckConstraint(condition=models.Q(('severity__in', ['info', 'warning', 'critical'])), name='meters_alarmrule_severity_known'), models.CheckConstraint(condition=models.Q(('scope__in', ['tenant', 'client', 'site', 'meter'])), name='meters_alarmrule_scope_known'), models.CheckConstraint(condition=models.Q(('tells__in', ['nobody', 'owners', 'managers', 'operators'])), name='meters_alarmrule_tells_known'), models.CheckConstraint(condition=models.Q(models.Q(('client__isnull', True), ('meter__isnull', True), ('scope', 'tenant'), ('site__isnull', True)), models.Q(('client__isnull', False), ('meter__isnull', True), ('scope', 'client'), ('site__isnull', True)), models.Q(('client__isnull', True), ('meter__isnull', True), ('scope', 'site'), ('site__isnull', False)), models.Q(('client__isnull', True), ('meter__isnull', False), ('scope', 'meter'), ('site__isnull', True)), _connector='OR'), name='meters_alarmrule_scope_names_its_row'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'offline'), ('metric', ''), ('threshold__isnull', True)), models.Q(models.Q(('kind', 'offline'), _negated=True), models.Q(('metric', ''), _negated=True), ('threshold__isnull', False), ('threshold__range', (-1000000000000000.0, 1000000000000000.0)), ('operator__in', ['>', '>=', '<', '<=', '==', '!='])), _connector='OR'), name='meters_alarmrule_has_a_condition'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'rate'), ('window_seconds__isnull', False), ('window_seconds__range', (1, 86400))), models.Q(models.Q(('kind', 'rate'), _negated=True), ('window_seconds__isnull', True)), _connector='OR'), name='meters_alarmrule_window_of_a_rate'), models.CheckConstraint(condition=models.Q(('hysteresis', 0), models.Q(('hysteresis__range', (0, 1000000000000000.0)), models.Q(('operator__in', ('==', '!=')), _negated=True)), _connector='OR'), name='meters_alarmrule_hysteresis_has_a_side'), models.CheckConstraint(condition=models.Q(models.Q(('daily_from__isnull', True), ('daily_until__isnull', True)), models.Q(('daily_from__isnull', False), ('daily_until__isnull', False)), _connector='OR'), name='meters_alarmrule_hours_have_two_ends')],
            },
        ),
        migrations.CreateModel(
            name='AlarmProgress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('phase', models.CharField(choices=[('normal', 'Normal'), ('pending', 'Not for long enough'), ('raised', 'Raised')], default='normal', max_length=7)),
                ('pending_since', models.DateTimeField(null=True)),
                ('seen_until', models.DateTimeField(help_text='The newest instant looked at.', null=True)),
                ('last_value', models.FloatField(null=True)),
                ('extreme_value', models.FloatField(null=True)),
                ('heard_at', models.DateTimeField(help_text='When data last came, by our clock.', null=True)),
                ('quarter_at', models.DateTimeField(null=True)),
                ('quarter_count', models.PositiveIntegerField(default=0, help_text='Samples seen since `quarter_at`: another number means late data.')),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='meters.meter')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
                ('rule', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='meters.alarmrule')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.CheckConstraint(condition=models.Q(('phase__in', ['normal', 'pending', 'raised'])), name='meters_alarmprogress_phase_known'), models.UniqueConstraint(fields=('tenant', 'rule', 'meter'), name='meters_alarmprogress_once')],
            },
        ),
        migrations.CreateModel(
            name='AlarmEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('state', models.CharField(choices=[('raised', 'Open'), ('acknowledged', 'Acknowledged'), ('cleared', 'Ended')], default='raised', max_length=12, verbose_name='situation')),
                ('severity', models.CharField(choices=[('info', 'Information'), ('warning', 'Warning'), ('critical', 'Critical')], max_length=8, verbose_name='severity')),
                ('kind', models.CharField(choices=[('threshold', 'A value crosses a limit'), ('rate', 'A value changes too fast'), ('offline', 'No data')], max_length=10)),
                ('metric', models.CharField(blank=True, max_length=32, verbose_name='value')),
                ('operator', models.CharField(blank=True, max_length=2)),
                ('threshold', models.FloatField(null=True, verbose_name='limit')),
                ('since_at', models.DateTimeField(verbose_name='began at')),
                ('raised_at', models.DateTimeField(verbose_name='raised at')),
                ('heard_at', models.DateTimeField(verbose_name='known at')),
                ('value', models.FloatField(null=True, verbose_name='value when raised')),
                ('extreme_value', models.FloatField(null=True, verbose_name='worst value')),
                ('cleared_at', models.DateTimeField(null=True, verbose_name='ended at')),
                ('clear_heard_at', models.DateTimeField(null=True, verbose_name='end known at')),
                ('value_at_clear', models.FloatField(null=True, verbose_name='value at the end')),
                ('clear_reason', models.CharField(blank=True, choices=[('value', 'The value is back to normal'), ('data', 'Data comes again'), ('schedule', 'Outside the hours of the rule'), ('rule_changed', 'The rule was changed'), ('rule_disabled', 'The rule was switched off'), ('out_of_scope', 'The rule does not apply to this meter any more')], max_length=14, verbose_name='why it ended')),
                ('acknowledged_at', models.DateTimeField(null=True, verbose_name='acknowledged at')),
                ('note', models.CharField(blank=True, max_length=500, verbose_name='note')),
                ('acknowledged_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='alarm_events', to='meters.meter')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
                ('rule', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='meters.alarmrule')),
            ],
            options={
                'verbose_name': 'alarm',
                'verbose_name_plural': 'alarms',
                'ordering': ['-raised_at', '-id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'state', '-raised_at'], name='meters_alarmevent_by_state'), models.Index(fields=['tenant', 'meter', '-raised_at'], name='meters_alarmevent_by_meter'), models.Index(fields=['tenant', 'rule', 'meter', '-raised_at'], name='meters_alarmevent_by_rule'), models.Index(fields=['heard_at'], name='meters_alarmevent_heard'), models.Index(fields=['clear_heard_at'], name='meters_alarmevent_end_heard')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['raised', 'acknowledged', 'cleared'])), name='meters_alarmevent_state_known'), models.CheckConstraint(condition=models.Q(('severity__in', ['info', 'warning', 'critical'])), name='meters_alarmevent_severity_known'), models.UniqueConstraint(condition=models.Q(('state__in', ('raised', 'acknowledged'))), fields=('tenant', 'rule', 'meter'), name='meters_alarmevent_one_open'), models.CheckConstraint(condition=models.Q(models.Q(('clear_heard_at__isnull', False), ('clear_reason__in', ['value', 'data', 'schedule', 'rule_changed', 'rule_disabled', 'out_of_scope']), ('cleared_at__isnull', False), ('state', 'cleared')), models.Q(models.Q(('state', 'cleared'), _negated=True), ('cleared_at__isnull', True)), _connector='OR'), name='meters_alarmevent_cleared_has_an_end'), models.CheckConstraint(condition=models.Q(('acknowledged_at__isnull', False), models.Q(('state', 'acknowledged'), _negated=True), _connector='OR'), name='meters_alarmevent_acknowledged_has_a_time')],
            },
        ),
        migrations.CreateModel(
            name='AlarmRuleEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('kind', models.CharField(choices=[('threshold', 'A value crosses a limit'), ('rate', 'A value changes too fast'), ('offline', 'No data')], default='threshold', max_length=10, verbose_name='what happens')),
                ('metric', models.CharField(blank=True, choices=meters.models.alarm_metrics.metric_choices, max_length=32, verbose_name='value')),
                ('operator', models.CharField(blank=True, choices=[('>', 'above'), ('>=', 'at or above'), ('<', 'below'), ('<=', 'at or below'), ('==', 'equal to'), ('!=', 'other than')], default='>', max_length=2, verbose_name='is')),
                ('threshold', models.FloatField(blank=True, null=True, verbose_name='limit')),
                ('for_seconds', models.PositiveIntegerField(default=0, help_text="For “no data”: how long nothing came; 0 means three of the meter's own intervals.", validators=[django.core.validators.MaxValueValidator(2592000)], verbose_name='for at least (s)')),
                ('window_seconds', models.PositiveIntegerField(blank=True, help_text='For “changes too fast”: over how long the change is measured.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(86400)], verbose_name='change within (s)')),
                ('hysteresis', models.FloatField(default=0, help_text='How far back past the limit the value must come before the alarm ends.', validators=[django.core.validators.MinValueValidator(0)], verbose_name='margin to end')),
                ('weekdays', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(help_text='0 is Monday.', validators=[django.core.validators.MaxValueValidator(6)]), blank=True, default=list, help_text='Empty: every day.', size=7, verbose_name='only on')),
                ('daily_from', models.TimeField(blank=True, null=True, verbose_name='only from')),
                ('daily_until', models.TimeField(blank=True, null=True, verbose_name='until')),
                ('severity', models.CharField(choices=[('info', 'Information'), ('warning', 'Warning'), ('critical', 'Critical')], default='warning', max_length=8, verbose_name='severity')),
                ('scope', models.CharField(choices=[('tenant', 'All meters'), ('client', "A client's meters"), ('site', 'The meters of a site'), ('meter', 'One meter')], default='tenant', max_length=6, verbose_name='applies to')),
                ('tells', models.CharField(choices=[('nobody', 'Nobody'), ('owners', 'Owners'), ('managers', 'Owners and managers'), ('operators', 'Owners, managers and operators')], default='managers', max_length=10, verbose_name='tells')),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('client', clients.kernel.tenancy.TenantForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.client')),
                ('meter', clients.kernel.tenancy.TenantForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='meters.meter')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='meters.alarmrule')),
                ('site', clients.kernel.tenancy.TenantForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='meters.site')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='alarmrule',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_alarmruleevent" ("client_id", "created_at", "daily_from", "daily_until", "for_seconds", "hysteresis", "id", "is_enabled", "kind", "meter_id", "metric", "name", "operator", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "scope", "severity", "site_id", "tells", "tenant_id", "threshold", "weekdays", "window_seconds") VALUES (NEW."client_id", NEW."created_at", NEW."daily_from", NEW."daily_until", NEW."for_seconds", NEW."hysteresis", NEW."id", NEW."is_enabled", NEW."kind", NEW."meter_id", NEW."metric", NEW."name", NEW."operator", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."public_id", NEW."scope", NEW."severity", NEW."site_id", NEW."tells", NEW."tenant_id", NEW."threshold", NEW."weekdays", NEW."window_seconds"); RETURN NULL;', hash='83d3605e62e34dc4474fa19f3f5460c170d452c2', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_77f48', table='meters_alarmrule', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='alarmrule',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."client_id" IS DISTINCT FROM (NEW."client_id") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."daily_from" IS DISTINCT FROM (NEW."daily_from") OR OLD."daily_until" IS DISTINCT FROM (NEW."daily_until") OR OLD."for_seconds" IS DISTINCT FROM (NEW."for_seconds") OR OLD."hysteresis" IS DISTINCT FROM (NEW."hysteresis") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_enabled" IS DISTINCT FROM (NEW."is_enabled") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."meter_id" IS DISTINCT FROM (NEW."meter_id") OR OLD."metric" IS DISTINCT FROM (NEW."metric") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."operator" IS DISTINCT FROM (NEW."operator") OR OLD."public_id" IS DISTINCT FROM (NEW."public_id") OR OLD."scope" IS DISTINCT FROM (NEW."scope") OR OLD."severity" IS DISTINCT FROM (NEW."severity") OR OLD."site_id" IS DISTINCT FROM (NEW."site_id") OR OLD."tells" IS DISTINCT FROM (NEW."tells") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id") OR OLD."threshold" IS DISTINCT FROM (NEW."threshold") OR OLD."weekdays" IS DISTINCT FROM (NEW."weekdays") OR OLD."window_seconds" IS DISTINCT FROM (NEW."window_seconds"))', func='INSERT INTO "meters_alarmruleevent" ("client_id", "created_at", "daily_from", "daily_until", "for_seconds", "hysteresis", "id", "is_enabled", "kind", "meter_id", "metric", "name", "operator", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "scope", "severity", "site_id", "tells", "tenant_id", "threshold", "weekdays", "window_seconds") VALUES (NEW."client_id", NEW."created_at", NEW."daily_from", NEW."daily_until", NEW."for_seconds", NEW."hysteresis", NEW."id", NEW."is_enabled", NEW."kind", NEW."meter_id", NEW."metric", NEW."name", NEW."operator", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."public_id", NEW."scope", NEW."severity", NEW."site_id", NEW."tells", NEW."tenant_id", NEW."threshold", NEW."weekdays", NEW."window_seconds"); RETURN NULL;', hash='48eb878d08b7506b5baafc5abed06f9f5dc90c9f', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_3f528', table='meters_alarmrule', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='alarmrule',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_alarmruleevent" ("client_id", "created_at", "daily_from", "daily_until", "for_seconds", "hysteresis", "id", "is_enabled", "kind", "meter_id", "metric", "name", "operator", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "scope", "severity", "site_id", "tells", "tenant_id", "threshold", "weekdays", "window_seconds") VALUES (OLD."client_id", OLD."created_at", OLD."daily_from", OLD."daily_until", OLD."for_seconds", OLD."hysteresis", OLD."id", OLD."is_enabled", OLD."kind", OLD."meter_id", OLD."metric", OLD."name", OLD."operator", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."public_id", OLD."scope", OLD."severity", OLD."site_id", OLD."tells", OLD."tenant_id", OLD."threshold", OLD."weekdays", OLD."window_seconds"); RETURN NULL;', hash='6137f032d4692531a08c80014e93e673c1b95c83', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_97626', table='meters_alarmrule', when='AFTER')),
        ),
        rls.SecureTenantTable("AlarmRule"),
        rls.SecureTenantTable("AlarmRuleEvent", grants="SELECT, INSERT"),
        rls.SecureTenantTable("AlarmEvent", grants="SELECT, INSERT, UPDATE"),
        rls.SecureTenantTable("AlarmProgress"),
        rls.DefinerFunction(
            "meters_alarm_tenants",
            "most integer",
            "SETOF bigint",
            "SELECT tenant_id FROM meters_alarmrule WHERE is_enabled AND kind = 'offline' "
            "UNION SELECT tenant_id FROM meters_alarmevent "
            "WHERE state IN ('raised', 'acknowledged') LIMIT most",
        ),
    ]
