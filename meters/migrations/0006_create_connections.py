"""How meters are reached, and who is asking them now."""

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
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0002_grant_tables_of_packages'),
        ('meters', '0005_widen_ingest'),
    ]

    operations = [
        migrations.CreateModel(
            name='Connection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('driver', models.CharField(choices=[('modbus', 'Modbus'), ('tasmota', 'Tasmota (MQTT)'), ('shelly', 'Shelly (MQTT)'), ('zigbee2mqtt', 'Zigbee2MQTT'), ('chirpstack', 'ChirpStack (LoRaWAN)'), ('tuya', 'Tuya, in the local network'), ('tuya_cloud', 'Tuya, through its cloud')], default='modbus', max_length=16, verbose_name='driver')),
                ('profile', models.CharField(blank=True, help_text='Which registers the device has, and what they mean.', max_length=40, verbose_name='profile')),
                ('transport', models.CharField(choices=[('tcp', 'TCP'), ('rtu_over_tcp', 'RTU over TCP'), ('serial', 'Serial line')], default='tcp', max_length=12, verbose_name='transport')),
                ('host', models.CharField(blank=True, max_length=255, verbose_name='host')),
                ('port', models.PositiveIntegerField(default=502, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(65535)], verbose_name='port')),
                ('serial_path', models.CharField(blank=True, max_length=200, verbose_name='serial port')),
                ('baud', models.PositiveIntegerField(default=9600, validators=[django.core.validators.MinValueValidator(300), django.core.validators.MaxValueValidator(921600)], verbose_name='baud')),
                ('parity', models.CharField(choices=[('N', 'None'), ('E', 'Even'), ('O', 'Odd')], default='N', max_length=1, verbose_name='parity')),
                ('stop_bits', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2)], verbose_name='stop bits')),
                ('unit_id', models.PositiveSmallIntegerField(default=1, help_text="The device's number on its bus, from 1 to 247.", validators=[django.core.validators.MaxValueValidator(255)], verbose_name='unit')),
                ('address', models.CharField(blank=True, help_text='A topic or a device id, for drivers that have one.', max_length=200, verbose_name="device's name")),
                ('timeout_ms', models.PositiveIntegerField(default=3000, validators=[django.core.validators.MinValueValidator(50), django.core.validators.MaxValueValidator(60000)], verbose_name='waits for an answer (ms)')),
                ('poll_every_seconds', models.PositiveIntegerField(default=30, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(86400)], verbose_name='asked every (s)')),
                ('options', models.JSONField(blank=True, default=dict, verbose_name="driver's options")),
                ('secrets', clients.kernel.fields.EncryptedTextField(blank=True, editable=True, help_text='JSON; it is kept encrypted and never shown.', verbose_name='secrets')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('bus', models.CharField(blank=True, default='', editable=False, max_length=270)),
                ('state', models.CharField(choices=[('new', 'Not read yet'), ('ok', 'Answering'), ('failing', 'Not answering'), ('wrong', 'Wrong profile'), ('paused', 'Paused')], default='new', editable=False, max_length=8, verbose_name='state')),
                ('last_ok_at', models.DateTimeField(editable=False, null=True, verbose_name='last answer')),
                ('last_tried_at', models.DateTimeField(editable=False, null=True, verbose_name='last tried')),
                ('last_error', models.CharField(blank=True, default='', editable=False, max_length=40)),
                ('error_facts', models.JSONField(blank=True, default=dict, editable=False)),
                ('failures', models.PositiveIntegerField(default=0, editable=False, verbose_name='failures in a row')),
                ('due_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, null=True)),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('leased_by', models.CharField(blank=True, default='', editable=False, max_length=40)),
                ('lease_number', models.BigIntegerField(default=0, editable=False)),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='connections', to='meters.meter', verbose_name='meter')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'connection',
                'verbose_name_plural': 'connections',
                'ordering': ['meter__serial', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['due_at'], name='meters_connection_by_due'), models.Index(fields=['bus'], name='meters_connection_by_bus'), models.Index(fields=['tenant', 'driver', 'address'], name='meters_connection_by_name')],
                'constraints': [models.CheckConstraint(condition=models.Q(('driver__in', ['modbus', 'tasmota', 'shelly', 'zigbee2mqtt', 'chirpstack', 'tuya', 'tuya_cloud'])), name='meters_connection_driver_known'), models.CheckConstraint(condition=models.Q(('transport__in', ['tcp', 'rtu_over_tcp', 'serial'])), name='meters_connection_transport_known'), models.CheckConstraint(condition=models.Q(('parity__in', ['N', 'E', 'O'])), name='meters_connection_parity_known'), models.CheckConstraint(condition=models.Q(('state__in', ['new', 'ok', 'failing', 'wrong', 'paused'])), name='meters_connection_state_known'), models.UniqueConstraint(fields=('tenant', 'meter', 'driver'), name='meters_connection_once', violation_error_code='connection_taken', violation_error_message='This meter already has a connection with this driver.'), models.CheckConstraint(condition=models.Q(('poll_every_seconds__range', (1, 86400))), name='meters_connection_every_range')],
            },
        ),
        migrations.CreateModel(
            name='ConnectionEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('driver', models.CharField(choices=[('modbus', 'Modbus'), ('tasmota', 'Tasmota (MQTT)'), ('shelly', 'Shelly (MQTT)'), ('zigbee2mqtt', 'Zigbee2MQTT'), ('chirpstack', 'ChirpStack (LoRaWAN)'), ('tuya', 'Tuya, in the local network'), ('tuya_cloud', 'Tuya, through its cloud')], default='modbus', max_length=16, verbose_name='driver')),
                ('profile', models.CharField(blank=True, help_text='Which registers the device has, and what they mean.', max_length=40, verbose_name='profile')),
                ('transport', models.CharField(choices=[('tcp', 'TCP'), ('rtu_over_tcp', 'RTU over TCP'), ('serial', 'Serial line')], default='tcp', max_length=12, verbose_name='transport')),
                ('host', models.CharField(blank=True, max_length=255, verbose_name='host')),
                ('port', models.PositiveIntegerField(default=502, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(65535)], verbose_name='port')),
                ('serial_path', models.CharField(blank=True, max_length=200, verbose_name='serial port')),
                ('baud', models.PositiveIntegerField(default=9600, validators=[django.core.validators.MinValueValidator(300), django.core.validators.MaxValueValidator(921600)], verbose_name='baud')),
                ('parity', models.CharField(choices=[('N', 'None'), ('E', 'Even'), ('O', 'Odd')], default='N', max_length=1, verbose_name='parity')),
                ('stop_bits', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2)], verbose_name='stop bits')),
                ('unit_id', models.PositiveSmallIntegerField(default=1, help_text="The device's number on its bus, from 1 to 247.", validators=[django.core.validators.MaxValueValidator(255)], verbose_name='unit')),
                ('address', models.CharField(blank=True, help_text='A topic or a device id, for drivers that have one.', max_length=200, verbose_name="device's name")),
                ('timeout_ms', models.PositiveIntegerField(default=3000, validators=[django.core.validators.MinValueValidator(50), django.core.validators.MaxValueValidator(60000)], verbose_name='waits for an answer (ms)')),
                ('poll_every_seconds', models.PositiveIntegerField(default=30, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(86400)], verbose_name='asked every (s)')),
                ('options', models.JSONField(blank=True, default=dict, verbose_name="driver's options")),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('bus', models.CharField(blank=True, default='', editable=False, max_length=270)),
                ('meter', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='meters.meter', verbose_name='meter')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='meters.connection')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='connection',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_connectionevent" ("address", "baud", "bus", "created_at", "driver", "host", "id", "meter_id", "options", "parity", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "poll_every_seconds", "port", "profile", "public_id", "serial_path", "stop_bits", "tenant_id", "timeout_ms", "transport", "unit_id") VALUES (NEW."address", NEW."baud", NEW."bus", NEW."created_at", NEW."driver", NEW."host", NEW."id", NEW."meter_id", NEW."options", NEW."parity", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."poll_every_seconds", NEW."port", NEW."profile", NEW."public_id", NEW."serial_path", NEW."stop_bits", NEW."tenant_id", NEW."timeout_ms", NEW."transport", NEW."unit_id"); RETURN NULL;', hash='4855a3f5c9fc8b4eae0064a65e2a3fac9905b971', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_71e4d', table='meters_connection', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='connection',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."address" IS DISTINCT FROM (NEW."address") OR OLD."baud" IS DISTINCT FROM (NEW."baud") OR OLD."bus" IS DISTINCT FROM (NEW."bus") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."driver" IS DISTINCT FROM (NEW."driver") OR OLD."host" IS DISTINCT FROM (NEW."host") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."meter_id" IS DISTINCT FROM (NEW."meter_id") OR OLD."options" IS DISTINCT FROM (NEW."options") OR OLD."parity" IS DISTINCT FROM (NEW."parity") OR OLD."poll_every_seconds" IS DISTINCT FROM (NEW."poll_every_seconds") OR OLD."port" IS DISTINCT FROM (NEW."port") OR OLD."profile" IS DISTINCT FROM (NEW."profile") OR OLD."public_id" IS DISTINCT FROM (NEW."public_id") OR OLD."serial_path" IS DISTINCT FROM (NEW."serial_path") OR OLD."stop_bits" IS DISTINCT FROM (NEW."stop_bits") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id") OR OLD."timeout_ms" IS DISTINCT FROM (NEW."timeout_ms") OR OLD."transport" IS DISTINCT FROM (NEW."transport") OR OLD."unit_id" IS DISTINCT FROM (NEW."unit_id"))', func='INSERT INTO "meters_connectionevent" ("address", "baud", "bus", "created_at", "driver", "host", "id", "meter_id", "options", "parity", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "poll_every_seconds", "port", "profile", "public_id", "serial_path", "stop_bits", "tenant_id", "timeout_ms", "transport", "unit_id") VALUES (NEW."address", NEW."baud", NEW."bus", NEW."created_at", NEW."driver", NEW."host", NEW."id", NEW."meter_id", NEW."options", NEW."parity", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."poll_every_seconds", NEW."port", NEW."profile", NEW."public_id", NEW."serial_path", NEW."stop_bits", NEW."tenant_id", NEW."timeout_ms", NEW."transport", NEW."unit_id"); RETURN NULL;', hash='9fe51650109872bf8c3af95bf7be55a3aea84e7d', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_cb5b5', table='meters_connection', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='connection',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "meters_connectionevent" ("address", "baud", "bus", "created_at", "driver", "host", "id", "meter_id", "options", "parity", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "poll_every_seconds", "port", "profile", "public_id", "serial_path", "stop_bits", "tenant_id", "timeout_ms", "transport", "unit_id") VALUES (OLD."address", OLD."baud", OLD."bus", OLD."created_at", OLD."driver", OLD."host", OLD."id", OLD."meter_id", OLD."options", OLD."parity", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."poll_every_seconds", OLD."port", OLD."profile", OLD."public_id", OLD."serial_path", OLD."stop_bits", OLD."tenant_id", OLD."timeout_ms", OLD."transport", OLD."unit_id"); RETURN NULL;', hash='ebef074e8f332108279597e95f034887e1a09ad6', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_a0199', table='meters_connection', when='AFTER')),
        ),
        rls.SecureTenantTable("Connection"),
        rls.SecureTenantTable("ConnectionEvent", grants="SELECT, INSERT"),
        migrations.RunSQL(
            "ALTER TABLE meters_connection SET (fillfactor = 50, "
            "autovacuum_vacuum_scale_factor = 0.2, autovacuum_vacuum_threshold = 1000)",
            migrations.RunSQL.noop,
        ),
        rls.DefinerFunction(
            "meters_claim_connections",
            "me text, held bigint[], most integer, ahead interval, duration interval, "
            "wanted text[]",
            "TABLE (of_tenant bigint, of_connection bigint, fence bigint, due_in double precision)",
            """BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('meters_connection'));
            UPDATE meters_connection AS c SET leased_until = clock_timestamp() + duration
            WHERE c.id = ANY(held) AND c.leased_by = me
                AND c.leased_until < clock_timestamp() + duration / 2;
            RETURN QUERY
            UPDATE meters_connection AS c SET leased_by = me, lease_number = c.lease_number + 1,
                leased_until = clock_timestamp() + duration
            FROM (
                SELECT d.id FROM meters_connection AS d
                WHERE d.due_at <= clock_timestamp() + ahead
                    AND coalesce(d.leased_until, '-infinity') < clock_timestamp()
                    AND d.driver = ANY(wanted)
                    AND NOT EXISTS (
                        SELECT FROM meters_connection AS o WHERE o.bus = d.bus AND d.bus <> ''
                            AND o.leased_by <> me AND o.leased_until >= clock_timestamp())
                ORDER BY d.due_at LIMIT most FOR UPDATE SKIP LOCKED
            ) AS due
            WHERE c.id = due.id
            RETURNING c.tenant_id, c.id, c.lease_number,
                extract(epoch FROM c.due_at - clock_timestamp())::double precision;
            END""",
        ),
        rls.DefinerFunction(
            "meters_claim_connection",
            "me text, for_tenant bigint, wanted bigint, duration interval",
            "bigint",
            """DECLARE
                fence bigint;
            BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('meters_connection'));
            UPDATE meters_connection AS c SET leased_by = me, lease_number = c.lease_number + 1,
                leased_until = clock_timestamp() + duration
            WHERE c.id = wanted AND c.tenant_id = for_tenant
                AND (c.leased_by = me OR coalesce(c.leased_until, '-infinity') < clock_timestamp())
                AND NOT EXISTS (
                    SELECT FROM meters_connection AS o WHERE o.bus = c.bus AND c.bus <> ''
                        AND o.leased_by <> me AND o.leased_by LIKE 'test %'
                        AND o.leased_until >= clock_timestamp())
            RETURNING c.lease_number INTO fence;
            IF fence IS NOT NULL AND EXISTS (
                SELECT FROM meters_connection AS c JOIN meters_connection AS o
                    ON o.bus = c.bus AND c.bus <> '' AND o.leased_by <> me
                    AND o.leased_until >= clock_timestamp()
                WHERE c.id = wanted)
            THEN RETURN 0; END IF;
            RETURN fence;
            END""",
        ),
        rls.DefinerFunction(
            "meters_next_connection_due",
            "wanted text[]",
            "double precision",
            "SELECT extract(epoch FROM min(due_at) - clock_timestamp())::double precision "
            "FROM meters_connection WHERE driver = ANY(wanted)",
        ),
    ]
