"""What the team was told of alarms."""

import clients.kernel.tenancy
import django.db.models.deletion
from clients.kernel import rls
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0002_grant_tables_of_packages'),
        ('messaging', '0002_address_team_members'),
        ('meters', '0009_create_alarms'),
        ('monitoring', '0001_create_health_functions'),
    ]

    operations = [
        migrations.CreateModel(
            name='AlarmNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('transition', models.CharField(choices=[('raised', 'Raised'), ('cleared', 'Ended')], max_length=7)),
                ('outcome', models.CharField(choices=[('told', 'Told'), ('nobody', 'Nobody is to be told'), ('needless', 'Said in another message, or done by a person'), ('held', 'Held back: too many in this hour'), ('summed', "Told in the hour's summary")], max_length=8)),
                ('hour_at', models.DateTimeField(help_text='The hour whose messages are counted.')),
                ('decided_at', models.DateTimeField()),
                ('event', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='meters.alarmevent')),
                ('rule', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='meters.alarmrule')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'rule', 'hour_at'], name='monitoring_notice_by_hour'), models.Index(condition=models.Q(('outcome', 'held')), fields=['hour_at'], name='monitoring_notice_held')],
                'constraints': [models.CheckConstraint(condition=models.Q(('transition__in', ['raised', 'cleared'])), name='monitoring_alarmnotice_transition_known'), models.CheckConstraint(condition=models.Q(('outcome__in', ['told', 'nobody', 'needless', 'held', 'summed'])), name='monitoring_alarmnotice_outcome_known'), models.UniqueConstraint(fields=('tenant', 'event', 'transition'), name='monitoring_alarmnotice_once')],
            },
        ),
        rls.SecureTenantTable("AlarmNotice", grants="SELECT, INSERT, UPDATE"),
        rls.DefinerFunction(
            "tenants_with_untold_alarms",
            "since timestamptz, this_hour timestamptz, most integer",
            "SETOF bigint",
            """
            SELECT e.tenant_id FROM meters_alarmevent e
            WHERE e.heard_at >= since AND NOT EXISTS (
                SELECT FROM monitoring_alarmnotice n
                WHERE n.event_id = e.id AND n.transition = 'raised')
            UNION
            SELECT e.tenant_id FROM meters_alarmevent e
            WHERE e.clear_heard_at >= since AND NOT EXISTS (
                SELECT FROM monitoring_alarmnotice n
                WHERE n.event_id = e.id AND n.transition = 'cleared')
            UNION
            SELECT tenant_id FROM monitoring_alarmnotice
            WHERE outcome = 'held' AND hour_at < this_hour
            LIMIT most
            """,
        ),
    ]
