"""Brokers on which meters speak, gaps that devices remember, and uplinks that were kept."""

import clients.kernel.fields
import clients.kernel.keys
import clients.kernel.tenancy
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import pghistory.utils
import pgtrigger.compiler
import pgtrigger.migrations
from clients.kernel import rls
from clients.kernel.leases import LeaseFunction
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0002_grant_tables_of_packages'),
        ('meters', '0006_create_connections'),
    ]

    operations = [
        migrations.CreateModel(
            name='MqttBroker',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('host', models.CharField(max_length=255, verbose_name='host')),
                ('port', models.PositiveIntegerField(default=1883, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(65535)], verbose_name='port')),
                ('is_tls', models.BooleanField(default=False, help_text='Usually on port 8883.', verbose_name='encrypted (TLS)')),
                ('username', models.CharField(blank=True, max_length=200, verbose_name='user')),
                ('password', clients.kernel.fields.EncryptedTextField(blank=True, editable=True, verbose_name='password')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('state', models.CharField(choices=[('new', 'Not connected yet'), ('connected', 'Connected'), ('failing', 'Not reachable')], default='new', editable=False, max_length=9, verbose_name='state')),
                ('connected_at', models.DateTimeField(editable=False, null=True, verbose_name='connected since')),
                ('heard_at', models.DateTimeField(editable=False, null=True, verbose_name='last message')),
                ('last_error', models.CharField(blank=True, default='', editable=False, max_length=40)),
                ('failures', models.PositiveIntegerField(default=0, editable=False, verbose_name='failures in a row')),
                ('messages', models.BigIntegerField(default=0, editable=False, verbose_name='messages')),
                ('readings', models.BigIntegerField(default=0, editable=False, verbose_name='readings')),
                ('malformed', models.BigIntegerField(default=0, editable=False, verbose_name='not understood')),
                ('unknown', models.BigIntegerField(default=0, editable=False, verbose_name='of nobody')),
                ('undated', models.BigIntegerField(default=0, editable=False, verbose_name='without a time')),
                ('last_malformed', models.JSONField(blank=True, default=dict, editable=False)),
                ('leased_by', models.CharField(blank=True, default='', editable=False, max_length=40)),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'MQTT broker',
                'verbose_name_plural': 'MQTT brokers',
                'ordering': ['name', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['new', 'connected', 'failing'])), name='meters_mqttbroker_state_known'), models.UniqueConstraint(fields=('tenant', 'name'), name='meters_mqttbroker_name_once', violation_error_code='name_taken', violation_error_message='Another broker has this name.')],
            },
        ),
        migrations.CreateModel(
            name='MqttBrokerEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('host', models.CharField(max_length=255, verbose_name='host')),
                ('port', models.PositiveIntegerField(default=1883, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(65535)], verbose_name='port')),
                ('is_tls', models.BooleanField(default=False, help_text='Usually on port 8883.', verbose_name='encrypted (TLS)')),
                ('username', models.CharField(blank=True, max_length=200, verbose_name='user')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='meters.mqttbroker')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Uplink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('deduplication_id', models.UUIDField()),
                ('frame_counter', models.BigIntegerField(null=True)),
                ('heard_at', models.DateTimeField()),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='meters.meter')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'uplink',
                'verbose_name_plural': 'uplinks',
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['meter', 'frame_counter'], name='meters_uplink_by_frame'), models.Index(fields=['heard_at'], name='meters_uplink_by_age')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'deduplication_id'), name='meters_uplink_once')],
            },
        ),
        migrations.CreateModel(
            name='HistoryGap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('due_at', models.DateTimeField(blank=True, db_default=django.db.models.functions.datetime.Now(), null=True)),
                ('leased_until', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('died_at', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.CharField(blank=True, default='', max_length=500)),
                ('starts_at', models.DateTimeField(verbose_name='from')),
                ('ends_at', models.DateTimeField(verbose_name='until')),
                ('asked_until', models.DateTimeField(blank=True, null=True, verbose_name='asked until')),
                ('recovered', models.PositiveIntegerField(default=0, verbose_name='readings recovered')),
                ('connection', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='gaps', to='meters.connection', verbose_name='connection')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'gap in the history',
                'verbose_name_plural': 'gaps in the history',
                'ordering': ['-starts_at', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['due_at'], name='meters_historygap_by_due')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'connection', 'starts_at'), name='meters_historygap_once'), models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='meters_historygap_ends_after_start')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='mqttbroker',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_mqttbrokerevent" ("created_at", "host", "id", "is_active", "is_tls", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "port", "public_id", "tenant_id", "username") VALUES (NEW."created_at", NEW."host", NEW."id", NEW."is_active", NEW."is_tls", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."port", NEW."public_id", NEW."tenant_id", NEW."username"); RETURN NULL;', hash='3372bd9769b64eb959570de9a5d54fe2980d3f18', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_6832a', table='meters_mqttbroker', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='mqttbroker',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."host" IS DISTINCT FROM (NEW."host") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."is_tls" IS DISTINCT FROM (NEW."is_tls") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."port" IS DISTINCT FROM (NEW."port") OR OLD."public_id" IS DISTINCT FROM (NEW."public_id") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id") OR OLD."username" IS DISTINCT FROM (NEW."username"))', func='INSERT INTO "meters_mqttbrokerevent" ("created_at", "host", "id", "is_active", "is_tls", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "port", "public_id", "tenant_id", "username") VALUES (NEW."created_at", NEW."host", NEW."id", NEW."is_active", NEW."is_tls", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."port", NEW."public_id", NEW."tenant_id", NEW."username"); RETURN NULL;', hash='c5265bc3ccf3c84fe105e9d0044882845af3195b', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_cfa87', table='meters_mqttbroker', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='mqttbroker',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_mqttbrokerevent" ("created_at", "host", "id", "is_active", "is_tls", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "port", "public_id", "tenant_id", "username") VALUES (OLD."created_at", OLD."host", OLD."id", OLD."is_active", OLD."is_tls", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."port", OLD."public_id", OLD."tenant_id", OLD."username"); RETURN NULL;', hash='61ade8bcf6b6e56938ef710afcfc76d676959006', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_a4eb6', table='meters_mqttbroker', when='AFTER')),
        ),
        rls.SecureTenantTable("MqttBroker"),
        rls.SecureTenantTable("MqttBrokerEvent", grants="SELECT, INSERT"),
        rls.SecureTenantTable("HistoryGap"),
        rls.SecureTenantTable("Uplink"),
        LeaseFunction("meters_historygap"),
        rls.DefinerFunction(
            "meters_claim_brokers",
            "me text, most integer, duration interval",
            "TABLE (of_tenant bigint, of_broker bigint)",
            """UPDATE meters_mqttbroker AS b
            SET leased_by = me, leased_until = clock_timestamp() + duration
            FROM (
                SELECT c.id FROM meters_mqttbroker AS c
                JOIN clients_tenant AS t ON t.id = c.tenant_id AND t.status = 'active'
                WHERE c.is_active AND (c.leased_by = me
                    OR coalesce(c.leased_until, '-infinity') < clock_timestamp())
                ORDER BY c.leased_by <> me, c.id LIMIT most FOR UPDATE OF c
            ) AS mine
            WHERE b.id = mine.id
            RETURNING b.tenant_id, b.id""",
        ),
    ]
