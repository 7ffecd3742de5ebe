"""A message goes to a client, or to a member of the tenant's own team."""

import clients.kernel.tenancy
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0002_grant_tables_of_packages'),
        ('messaging', '0001_create_outbox'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='member',
            field=clients.kernel.tenancy.TenantForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.membership'),
        ),
        migrations.AlterField(
            model_name='message',
            name='client',
            field=clients.kernel.tenancy.TenantForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='clients.client'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('client__isnull', False), ('member__isnull', True)), models.Q(('client__isnull', True), ('member__isnull', False)), _connector='OR'), name='messaging_message_to_one_person'),
        ),
        migrations.RunSQL(
            "ALTER TABLE messaging_message ADD CONSTRAINT messaging_message_member_id_tenant_fk "
            "FOREIGN KEY (tenant_id, member_id) REFERENCES clients_membership (tenant_id, id) "
            "DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE messaging_message DROP CONSTRAINT messaging_message_member_id_tenant_fk",
        ),
    ]
