"""What followers of new readings (alarms, validation, forwarding) have yet to look at."""

import clients.kernel.tenancy
import django.db.models.deletion
import django.db.models.functions.datetime
from clients.kernel import rls
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0002_grant_tables_of_packages'),
        ('meters', '0002_create_readings'),
    ]

    operations = [
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('follower', models.CharField(max_length=16)),
                ('meter_id', models.BigIntegerField()),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'follower', 'id'], name='meters_change_by_follower')],
                'constraints': [models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='meters_change_ends_after_start')],
            },
        ),
        rls.SecureTenantTable("Change", grants="SELECT, INSERT, DELETE"),
        # Rows live for seconds: without this the table would be mostly dead ones.
        migrations.RunSQL(
            "ALTER TABLE meters_change SET (autovacuum_vacuum_scale_factor = 0, "
            "autovacuum_vacuum_threshold = 5000)",
            migrations.RunSQL.noop,
        ),
        rls.DefinerFunction(
            "meters_change_tenants",
            "wanted text, most integer",
            "SETOF bigint",
            "SELECT tenant_id FROM meters_change WHERE follower = wanted "
            "GROUP BY tenant_id ORDER BY min(id) LIMIT most",
        ),
    ]
