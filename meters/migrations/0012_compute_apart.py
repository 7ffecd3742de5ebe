"""Meters that cannot be computed wait apart; days follow a changed time zone."""

import clients.kernel.tenancy
import django.db.models.deletion
import django.db.models.functions.datetime
from clients.kernel import rls
from django.db import migrations, models

# Every hour that was computed, and every day that is known, which may have nothing left in it. Runs
# as the owner, because nobody but the lane may write what is touched.
ZONE_CHANGED = """
CREATE FUNCTION meters_zone_changed() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pulso, pg_temp AS $$
BEGIN
    INSERT INTO meters_touched (tenant_id, meter_id, quarter_at)
    WITH concerned AS (
        SELECT m.id FROM meters_meter m WHERE CASE WHEN TG_TABLE_NAME = 'meters_site'
            THEN m.id IN (
                SELECT n.meter_id FROM meters_installation n
                JOIN meters_meteringpoint p ON p.id = n.metering_point_id WHERE p.site_id = NEW.id)
            ELSE m.tenant_id = NEW.id AND NOT EXISTS (
                SELECT FROM meters_installation n WHERE n.meter_id = m.id)
            END
    )
    SELECT DISTINCT tenant_id, meter_id, date_bin('1 hour', starts_at, '2000-01-01 00:00+00')
    FROM meters_interval WHERE meter_id IN (SELECT id FROM concerned)
    UNION
    SELECT tenant_id, meter_id, (day + time '12:00') AT TIME ZONE NEW.time_zone
    FROM meters_daytotal WHERE meter_id IN (SELECT id FROM concerned);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION meters_zone_changed FROM PUBLIC;
CREATE TRIGGER meters_zone_changed AFTER UPDATE OF time_zone ON meters_site
    FOR EACH ROW WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone)
    EXECUTE FUNCTION meters_zone_changed();
CREATE TRIGGER meters_zone_changed AFTER UPDATE OF time_zone ON clients_tenant
    FOR EACH ROW WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone)
    EXECUTE FUNCTION meters_zone_changed();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0002_grant_tables_of_packages'),
        ('meters', '0011_create_imports_and_exports'),
    ]

    operations = [
        migrations.CreateModel(
            name='Stuck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='since')),
                ('retry_at', models.DateTimeField(verbose_name='next try')),
                ('error', models.CharField(max_length=300, verbose_name='what happened')),
                ('meter', clients.kernel.tenancy.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='meters.meter')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'meter'), name='meters_stuck_once')],
            },
        ),
        rls.SecureTenantTable("Stuck", grants="SELECT, INSERT, UPDATE, DELETE"),
        migrations.RunSQL(ZONE_CHANGED, "DROP FUNCTION meters_zone_changed CASCADE"),
    ]
