"""Peak hours and holidays of tenants; who supplies a site, and the nominal voltage of a point."""

import clients.kernel.keys
import clients.kernel.tenancy
import django.core.validators
import django.db.models.deletion
import pghistory.utils
import pgtrigger.compiler
import pgtrigger.migrations
from clients.kernel import rls
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0002_grant_tables_of_packages'),
        ('meters', '0009_create_alarms'),
    ]

    operations = [
        migrations.CreateModel(
            name='Holiday',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('day', models.DateField(verbose_name='day')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('is_off_peak', models.BooleanField(default=True, help_text='Off: a working day for the distributor, although the calendar says otherwise.', verbose_name='without peak hours')),
                ('source', models.CharField(max_length=300, verbose_name='source')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'holiday',
                'verbose_name_plural': 'holidays',
                'ordering': ['-day', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'day'), name='meters_holiday_once', violation_error_code='holiday_taken', violation_error_message='This day is there already.')],
            },
        ),
        migrations.CreateModel(
            name='HolidayEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('day', models.DateField(verbose_name='day')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('is_off_peak', models.BooleanField(default=True, help_text='Off: a working day for the distributor, although the calendar says otherwise.', verbose_name='without peak hours')),
                ('source', models.CharField(max_length=300, verbose_name='source')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='meters.holiday')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='PeakHours',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('distributor', models.CharField(max_length=80, verbose_name='distributor')),
                ('posto', models.CharField(choices=[('peak', 'Peak hours'), ('intermediate', 'Intermediate'), ('reserved', 'Reserved (irrigation)')], max_length=12, verbose_name='posto')),
                ('from_time', models.TimeField(verbose_name='from')),
                ('until_time', models.TimeField(help_text='This minute is not part of it.', verbose_name='until')),
                ('starts_on', models.DateField(verbose_name='valid from')),
                ('ends_on', models.DateField(blank=True, null=True, verbose_name='valid until')),
                ('source', models.CharField(help_text='The act or the bill that says so, and its date.', max_length=300, verbose_name='source')),
                ('is_confirmed', models.BooleanField(default=False, help_text='Somebody read the act itself.', verbose_name='confirmed')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'peak hours',
                'verbose_name_plural': 'peak hours',
                'ordering': ['distributor', '-starts_on', 'from_time', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.CheckConstraint(condition=models.Q(('posto__in', ['peak', 'intermediate', 'reserved'])), name='meters_peakhours_posto_known'), models.UniqueConstraint(fields=('tenant', 'distributor', 'posto', 'from_time', 'starts_on'), name='meters_peakhours_once', violation_error_code='peak_hours_taken', violation_error_message='These hours are there already.'), models.CheckConstraint(condition=models.Q(('until_time__gt', models.F('from_time'))), name='meters_peakhours_until_after_from', violation_error_code='ends_before_start', violation_error_message='The end must come after the start.'), models.CheckConstraint(condition=models.Q(('ends_on__isnull', True), ('ends_on__gt', models.F('starts_on')), _connector='OR'), name='meters_peakhours_ends_after_start', violation_error_code='ends_before_start', violation_error_message='The end must come after the start.')],
            },
        ),
        migrations.CreateModel(
            name='PeakHoursEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('distributor', models.CharField(max_length=80, verbose_name='distributor')),
                ('posto', models.CharField(choices=[('peak', 'Peak hours'), ('intermediate', 'Intermediate'), ('reserved', 'Reserved (irrigation)')], max_length=12, verbose_name='posto')),
                ('from_time', models.TimeField(verbose_name='from')),
                ('until_time', models.TimeField(help_text='This minute is not part of it.', verbose_name='until')),
                ('starts_on', models.DateField(verbose_name='valid from')),
                ('ends_on', models.DateField(blank=True, null=True, verbose_name='valid until')),
                ('source', models.CharField(help_text='The act or the bill that says so, and its date.', max_length=300, verbose_name='source')),
                ('is_confirmed', models.BooleanField(default=False, help_text='Somebody read the act itself.', verbose_name='confirmed')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='meters.peakhours')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='meteringpoint',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='meteringpoint',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='meteringpoint',
            name='delete_delete',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='site',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='site',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='site',
            name='delete_delete',
        ),
        migrations.AddField(
            model_name='meteringpoint',
            name='nominal_voltage_v',
            field=models.PositiveSmallIntegerField(blank=True, help_text='Between phase and neutral, as the meter measures it: 127 or 220.', null=True, validators=[django.core.validators.MinValueValidator(50), django.core.validators.MaxValueValidator(1000)], verbose_name='nominal voltage (V)'),
        ),
        migrations.AddField(
            model_name='meteringpointevent',
            name='nominal_voltage_v',
            field=models.PositiveSmallIntegerField(blank=True, help_text='Between phase and neutral, as the meter measures it: 127 or 220.', null=True, validators=[django.core.validators.MinValueValidator(50), django.core.validators.MaxValueValidator(1000)], verbose_name='nominal voltage (V)'),
        ),
        migrations.AddField(
            model_name='site',
            name='distributor',
            field=models.CharField(blank=True, db_default='', help_text='Who supplies the energy; the peak hours of that name apply.', max_length=80, verbose_name='distributor'),
        ),
        migrations.AddField(
            model_name='siteevent',
            name='distributor',
            field=models.CharField(blank=True, db_default='', help_text='Who supplies the energy; the peak hours of that name apply.', max_length=80, verbose_name='distributor'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meteringpoint',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_meteringpointevent" ("created_at", "id", "kind", "name", "nominal_voltage_v", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "site_id", "tenant_id") VALUES (NEW."created_at", NEW."id", NEW."kind", NEW."name", NEW."nominal_voltage_v", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."public_id", NEW."site_id", NEW."tenant_id"); RETURN NULL;', hash='322729c0c75c364e23f2e87f6aed294d847c8cd3', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_789aa', table='meters_meteringpoint', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meteringpoint',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "meters_meteringpointevent" ("created_at", "id", "kind", "name", "nominal_voltage_v", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "site_id", "tenant_id") VALUES (NEW."created_at", NEW."id", NEW."kind", NEW."name", NEW."nominal_voltage_v", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."public_id", NEW."site_id", NEW."tenant_id"); RETURN NULL;', hash='7b8395bb1aecf95dea30ad2061e313c8064e9b5d', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_ba64b', table='meters_meteringpoint', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='meteringpoint',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_meteringpointevent" ("created_at", "id", "kind", "name", "nominal_voltage_v", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "site_id", "tenant_id") VALUES (OLD."created_at", OLD."id", OLD."kind", OLD."name", OLD."nominal_voltage_v", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."public_id", OLD."site_id", OLD."tenant_id"); RETURN NULL;', hash='ba01905c7a04a1fd09a8bf23247dba1c32e4cc0e', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_3c24d', table='meters_meteringpoint', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='site',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_siteevent" ("address", "city", "client_id", "created_at", "distributor", "id", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "tenant_id", "time_zone") VALUES (NEW."address", NEW."city", NEW."client_id", NEW."created_at", NEW."distributor", NEW."id", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."public_id", NEW."tenant_id", NEW."time_zone"); RETURN NULL;', hash='5a29d6d906b26605d9a9cf76a51fceb6e797079d', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_99f46', table='meters_site', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='site',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "meters_siteevent" ("address", "city", "client_id", "created_at", "distributor", "id", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "tenant_id", "time_zone") VALUES (NEW."address", NEW."city", NEW."client_id", NEW."created_at", NEW."distributor", NEW."id", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."public_id", NEW."tenant_id", NEW."time_zone"); RETURN NULL;', hash='90a1d70c53b0a0b256434f7a57b9f3508fe0845d', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_e622b', table='meters_site', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='site',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_siteevent" ("address", "city", "client_id", "created_at", "distributor", "id", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "tenant_id", "time_zone") VALUES (OLD."address", OLD."city", OLD."client_id", OLD."created_at", OLD."distributor", OLD."id", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."public_id", OLD."tenant_id", OLD."time_zone"); RETURN NULL;', hash='3c0cfbf9a6a1fbb27904b1a766e090c436acd7e2', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_1e288', table='meters_site', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='holiday',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_holidayevent" ("created_at", "day", "id", "is_off_peak", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "source", "tenant_id") VALUES (NEW."created_at", NEW."day", NEW."id", NEW."is_off_peak", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."public_id", NEW."source", NEW."tenant_id"); RETURN NULL;', hash='a805db8618263c60061cdfbd84ead972bd804f3e', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_71219', table='meters_holiday', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='holiday',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "meters_holidayevent" ("created_at", "day", "id", "is_off_peak", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "source", "tenant_id") VALUES (NEW."created_at", NEW."day", NEW."id", NEW."is_off_peak", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."public_id", NEW."source", NEW."tenant_id"); RETURN NULL;', hash='9108c2f00988c12fa37904cc7ec88f4f336c800c', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_12e55', table='meters_holiday', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='holiday',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_holidayevent" ("created_at", "day", "id", "is_off_peak", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "source", "tenant_id") VALUES (OLD."created_at", OLD."day", OLD."id", OLD."is_off_peak", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."public_id", OLD."source", OLD."tenant_id"); RETURN NULL;', hash='37ce34beffa2f4a6357ad2a7bf4a012f5050ca34', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_22f7f', table='meters_holiday', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='peakhours',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_peakhoursevent" ("created_at", "distributor", "ends_on", "from_time", "id", "is_confirmed", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "posto", "public_id", "source", "starts_on", "tenant_id", "until_time") VALUES (NEW."created_at", NEW."distributor", NEW."ends_on", NEW."from_time", NEW."id", NEW."is_confirmed", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."posto", NEW."public_id", NEW."source", NEW."starts_on", NEW."tenant_id", NEW."until_time"); RETURN NULL;', hash='a344810d2869327fcc46f709c5725edd7d950f10', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_521af', table='meters_peakhours', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='peakhours',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "meters_peakhoursevent" ("created_at", "distributor", "ends_on", "from_time", "id", "is_confirmed", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "posto", "public_id", "source", "starts_on", "tenant_id", "until_time") VALUES (NEW."created_at", NEW."distributor", NEW."ends_on", NEW."from_time", NEW."id", NEW."is_confirmed", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."posto", NEW."public_id", NEW."source", NEW."starts_on", NEW."tenant_id", NEW."until_time"); RETURN NULL;', hash='4689f975f0301bcb51141974ce5092152f0f975c', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_ac8c9', table='meters_peakhours', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='peakhours',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_peakhoursevent" ("created_at", "distributor", "ends_on", "from_time", "id", "is_confirmed", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "posto", "public_id", "source", "starts_on", "tenant_id", "until_time") VALUES (OLD."created_at", OLD."distributor", OLD."ends_on", OLD."from_time", OLD."id", OLD."is_confirmed", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."posto", OLD."public_id", OLD."source", OLD."starts_on", OLD."tenant_id", OLD."until_time"); RETURN NULL;', hash='da4fd3cdf28dde646109a0fc9707285859cdb3ce', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_7910d', table='meters_peakhours', when='AFTER')),
        ),
        rls.SecureTenantTable("PeakHours"),
        rls.SecureTenantTable("Holiday"),
        rls.SecureTenantTable("PeakHoursEvent", grants="SELECT, INSERT"),
        rls.SecureTenantTable("HolidayEvent", grants="SELECT, INSERT"),
    ]
