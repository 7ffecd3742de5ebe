import clients.kernel.fields
import clients.kernel.keys
import clients.kernel.tenancy
import django.core.serializers.json
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import pghistory.utils
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

from clients.kernel import rls
from clients.kernel.leases import LeaseFunction

# What may happen to an invoice after it was issued.
CHANGING = "status, paid_cents, paid_at, voided_at, void_reason, announced_at, document_id"
GUARD_INVOICES = f"""
CREATE FUNCTION billing_guard_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changing text[] := string_to_array('{CHANGING}', ', ');
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an issued invoice is never deleted' USING ERRCODE = 'check_violation';
    END IF;
    IF to_jsonb(NEW) - changing <> to_jsonb(OLD) - changing THEN
        RAISE EXCEPTION 'an issued invoice does not change' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status <> NEW.status AND (OLD.status <> 'issued' OR NEW.status = 'issued') THEN
        RAISE EXCEPTION 'an invoice that is % does not become %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.paid_cents < OLD.paid_cents THEN
        RAISE EXCEPTION 'a payment does not shrink' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_guard_invoice BEFORE UPDATE OR DELETE ON billing_invoice
    FOR EACH ROW EXECUTE FUNCTION billing_guard_invoice();
"""
REFUSE_CHANGES = """
CREATE FUNCTION billing_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never changed', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER billing_refuse_change BEFORE UPDATE OR DELETE ON billing_invoiceline
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_change();
CREATE TRIGGER billing_refuse_change BEFORE UPDATE OR DELETE ON billing_payment
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_change();
CREATE TRIGGER billing_refuse_change BEFORE UPDATE OR DELETE ON billing_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_change();
"""
# Runs as the owner: at commit the tenant's scope may be closed already, and no rows would look balanced.
BALANCE_LEDGER = """
CREATE FUNCTION billing_check_balance() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pulso, pg_temp AS $$
BEGIN
    PERFORM 1 FROM billing_ledgerentry
        WHERE tenant_id = NEW.tenant_id AND transaction = NEW.transaction
        HAVING sum(amount_cents) = 0 AND count(DISTINCT currency) = 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger transaction % does not add up to zero', NEW.transaction
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION billing_check_balance FROM PUBLIC;
CREATE CONSTRAINT TRIGGER billing_check_balance AFTER INSERT ON billing_ledgerentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_balance();
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('clients', '0002_grant_tables_of_packages'),
        ('meters', '0002_create_readings'),
    ]

    operations = [
        migrations.CreateModel(
            name='BillingRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('period_start', models.DateTimeField(verbose_name='period start')),
                ('period_end', models.DateTimeField(verbose_name='period end')),
                ('status', models.CharField(choices=[('running', 'Running'), ('done', 'Done')], default='running', max_length=8, verbose_name='status')),
                ('cursor', models.BigIntegerField(default=0, editable=False)),
                ('expected_count', models.PositiveIntegerField(default=0, verbose_name='subscriptions')),
                ('seen_count', models.PositiveIntegerField(default=0, verbose_name='looked at')),
                ('issued_count', models.PositiveIntegerField(default=0, verbose_name='issued')),
                ('held_count', models.PositiveIntegerField(default=0, verbose_name='held')),
                ('issued_cents', models.BigIntegerField(default=0, verbose_name='amount issued')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('started_by', models.CharField(blank=True, max_length=120, verbose_name='started by')),
                ('started_at', models.DateTimeField(verbose_name='started at')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='finished at')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'billing run',
                'verbose_name_plural': 'billing runs',
                'ordering': ['-id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['running', 'done'])), name='billing_billingrun_status_known'), models.UniqueConstraint(condition=models.Q(('status', 'running')), fields=('tenant', 'period_start', 'period_end'), name='billing_billingrun_one_open')],
            },
        ),
        migrations.CreateModel(
            name='GatewayAccount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('kind', models.CharField(choices=[('pix_key', 'Pix key only: payments are confirmed by hand'), ('simulator', 'Simulated bank (for trying)'), ('pix_psp', 'Bank with API Pix')], default='pix_key', max_length=12, verbose_name='kind')),
                ('pix_key', models.CharField(max_length=77, verbose_name='Pix key')),
                ('receiver_name', models.CharField(help_text='As the bank shows it.', max_length=25, verbose_name="receiver's name")),
                ('receiver_city', models.CharField(max_length=15, verbose_name="receiver's city")),
                ('base_url', models.CharField(blank=True, max_length=200, verbose_name='address of the API')),
                ('client_id', clients.kernel.fields.EncryptedTextField(blank=True, editable=True, verbose_name='client id')),
                ('client_secret', clients.kernel.fields.EncryptedTextField(blank=True, editable=True, verbose_name='client secret')),
                ('webhook_token', clients.kernel.fields.EncryptedTextField(blank=True, editable=True)),
                ('webhook_token_sha256', models.CharField(editable=False, max_length=64, unique=True)),
                ('is_default', models.BooleanField(default=True, verbose_name='used for new invoices')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'receiving account',
                'verbose_name_plural': 'receiving accounts',
                'ordering': ['-is_default', 'name', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['pix_key', 'simulator', 'pix_psp'])), name='billing_gatewayaccount_kind_known'), models.UniqueConstraint(condition=models.Q(('is_active', True), ('is_default', True)), fields=('tenant',), name='billing_gatewayaccount_one_default', violation_error_message='Another account is already used for new invoices.')],
            },
        ),
        migrations.CreateModel(
            name='GatewayAccountEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('kind', models.CharField(choices=[('pix_key', 'Pix key only: payments are confirmed by hand'), ('simulator', 'Simulated bank (for trying)'), ('pix_psp', 'Bank with API Pix')], default='pix_key', max_length=12, verbose_name='kind')),
                ('pix_key', models.CharField(max_length=77, verbose_name='Pix key')),
                ('receiver_name', models.CharField(help_text='As the bank shows it.', max_length=25, verbose_name="receiver's name")),
                ('receiver_city', models.CharField(max_length=15, verbose_name="receiver's city")),
                ('base_url', models.CharField(blank=True, max_length=200, verbose_name='address of the API')),
                ('is_default', models.BooleanField(default=True, verbose_name='used for new invoices')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='billing.gatewayaccount')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='GatewayNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('due_at', models.DateTimeField(blank=True, db_default=django.db.models.functions.datetime.Now(), null=True)),
                ('leased_until', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('died_at', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.CharField(blank=True, default='', max_length=500)),
                ('body_sha256', models.CharField(max_length=64)),
                ('end_to_end_id', models.CharField(blank=True, max_length=64)),
                ('body', models.JSONField()),
                ('received_at', models.DateTimeField()),
                ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                ('account', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='notices', to='billing.gatewayaccount')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'notice of a bank',
                'verbose_name_plural': 'notices of banks',
                'ordering': ['-id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='billing_gatewaynotice_due')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'account', 'body_sha256'), name='billing_gatewaynotice_once')],
            },
        ),
        migrations.CreateModel(
            name='InvoiceSeries',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=8)),
                ('last_number', models.BigIntegerField(default=0)),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'code'), name='billing_invoiceseries_once')],
            },
        ),
        migrations.CreateModel(
            name='LedgerAccount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(choices=[('receivable', 'Owed by clients'), ('cash', 'Received'), ('revenue', 'Revenue'), ('credit', 'Credit of clients'), ('unmatched', 'Received without an invoice')], max_length=12, verbose_name='account')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'ledger account',
                'verbose_name_plural': 'ledger accounts',
                'ordering': ['id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.CheckConstraint(condition=models.Q(('code__in', ['receivable', 'cash', 'revenue', 'credit', 'unmatched'])), name='billing_ledgeraccount_code_known'), models.UniqueConstraint(fields=('tenant', 'code'), name='billing_ledgeraccount_once')],
            },
        ),
        migrations.CreateModel(
            name='Plan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('description', models.CharField(blank=True, max_length=200, verbose_name='description')),
                ('fixed_cents', models.BigIntegerField(default=0, validators=[django.core.validators.MinValueValidator(0)], verbose_name='fixed price a month')),
                ('price_per_kwh', models.DecimalField(decimal_places=8, default=0, max_digits=16, validators=[django.core.validators.MinValueValidator(0)], verbose_name='price per kWh')),
                ('currency', models.CharField(default='BRL', max_length=3, verbose_name='currency')),
                ('due_days', models.PositiveSmallIntegerField(default=10, help_text='At least so many days from issue to due date.', verbose_name='days to pay')),
                ('is_active', models.BooleanField(default=True, verbose_name='offered')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'plan',
                'verbose_name_plural': 'plans',
                'ordering': ['name', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='billing_plan_name_once', violation_error_message='Another plan has this name.'), models.CheckConstraint(condition=models.Q(('fixed_cents__gte', 0), ('price_per_kwh__gte', 0)), name='billing_plan_prices_positive')],
            },
        ),
        migrations.CreateModel(
            name='PlanEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('description', models.CharField(blank=True, max_length=200, verbose_name='description')),
                ('fixed_cents', models.BigIntegerField(default=0, validators=[django.core.validators.MinValueValidator(0)], verbose_name='fixed price a month')),
                ('price_per_kwh', models.DecimalField(decimal_places=8, default=0, max_digits=16, validators=[django.core.validators.MinValueValidator(0)], verbose_name='price per kWh')),
                ('currency', models.CharField(default='BRL', max_length=3, verbose_name='currency')),
                ('due_days', models.PositiveSmallIntegerField(default=10, help_text='At least so many days from issue to due date.', verbose_name='days to pay')),
                ('is_active', models.BooleanField(default=True, verbose_name='offered')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='billing.plan')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('starts_on', models.DateField(verbose_name='first day')),
                ('ends_on', models.DateField(blank=True, help_text='The first day that is not billed.', null=True, verbose_name='ends on')),
                ('anchor_day', models.PositiveSmallIntegerField(default=1, help_text='1 bills calendar months. In a shorter month, its last day.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(31)], verbose_name='period begins on day')),
                ('due_day', models.PositiveSmallIntegerField(blank=True, help_text="Empty: as soon as the plan's days to pay are over.", null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(31)], verbose_name='due on day')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('client', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='clients.client', verbose_name='client')),
                ('plan', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='billing.plan', verbose_name='plan')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'subscription',
                'verbose_name_plural': 'subscriptions',
                'ordering': ['-starts_on', '-id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'client'], name='billing_subscription_by_client')],
                'constraints': [models.CheckConstraint(condition=models.Q(('anchor_day__range', (1, 31))), name='billing_subscription_anchor'), models.CheckConstraint(condition=models.Q(('due_day', None), ('due_day__range', (1, 31)), _connector='OR'), name='billing_subscription_due'), models.CheckConstraint(condition=models.Q(('ends_on', None), ('ends_on__gte', models.F('starts_on')), _connector='OR'), name='billing_subscription_ends_after', violation_error_message='The end cannot come before the first day.')],
            },
        ),
        migrations.CreateModel(
            name='Invoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('series', models.CharField(default='', max_length=8, verbose_name='series')),
                ('number', models.BigIntegerField(verbose_name='number')),
                ('period_start', models.DateTimeField(verbose_name='period start')),
                ('period_end', models.DateTimeField(verbose_name='period end')),
                ('issued_at', models.DateTimeField(verbose_name='issued at')),
                ('due_on', models.DateField(verbose_name='due on')),
                ('status', models.CharField(choices=[('issued', 'To be paid'), ('paid', 'Paid'), ('void', 'Cancelled')], default='issued', max_length=8, verbose_name='status')),
                ('total_cents', models.BigIntegerField(verbose_name='total')),
                ('paid_cents', models.BigIntegerField(default=0, verbose_name='paid so far')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('txid', models.CharField(blank=True, max_length=25, verbose_name='Pix identifier')),
                ('pix_code', models.CharField(blank=True, max_length=512, verbose_name='Pix code')),
                ('paid_at', models.DateTimeField(blank=True, null=True, verbose_name='paid at')),
                ('voided_at', models.DateTimeField(blank=True, null=True, verbose_name='cancelled at')),
                ('void_reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                ('announced_at', models.DateTimeField(blank=True, null=True, verbose_name='client told at')),
                ('client', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='invoices', to='clients.client', verbose_name='client')),
                ('document', clients.kernel.tenancy.TenantForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='clients.storedfile')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
                ('subscription', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='invoices', to='billing.subscription', verbose_name='subscription')),
            ],
            options={
                'verbose_name': 'invoice',
                'verbose_name_plural': 'invoices',
                'ordering': ['-number'],
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'client', '-due_on'], name='billing_invoice_by_client'), models.Index(fields=['tenant', 'status', 'due_on'], name='billing_invoice_by_due'), models.Index(condition=models.Q(('announced_at', None), ('status', 'issued')), fields=['tenant', 'id'], name='billing_invoice_untold')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['issued', 'paid', 'void'])), name='billing_invoice_status_known'), models.UniqueConstraint(fields=('tenant', 'series', 'number'), name='billing_invoice_number_once'), models.UniqueConstraint(condition=models.Q(('status', 'void'), _negated=True), fields=('tenant', 'subscription', 'period_start'), name='billing_invoice_period_once'), models.UniqueConstraint(condition=models.Q(('txid', ''), _negated=True), fields=('tenant', 'txid'), name='billing_invoice_txid_once'), models.CheckConstraint(condition=models.Q(('period_end__gt', models.F('period_start'))), name='billing_invoice_period_order'), models.CheckConstraint(condition=models.Q(('paid_cents__gte', 0), ('total_cents__gte', 0), ('paid_cents__lte', models.F('total_cents'))), name='billing_invoice_amounts'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'paid'), _negated=True), models.Q(('paid_at__isnull', False), ('paid_cents', models.F('total_cents'))), _connector='OR'), name='billing_invoice_paid_in_full')],
            },
        ),
        migrations.CreateModel(
            name='HeldInvoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('period_start', models.DateTimeField(verbose_name='period start')),
                ('period_end', models.DateTimeField(verbose_name='period end')),
                ('reason', models.CharField(choices=[('incomplete', 'Data is missing'), ('no_data', 'No data at all'), ('currency', 'The plan is in another currency')], max_length=12, verbose_name='reason')),
                ('detail', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder, verbose_name='detail')),
                ('total_cents', models.BigIntegerField(verbose_name='amount so far')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('held_at', models.DateTimeField(verbose_name='held since')),
                ('decision', models.CharField(choices=[('waiting', 'Waiting for a decision'), ('issued', 'Issued'), ('dropped', 'Not billed')], default='waiting', max_length=8, verbose_name='decision')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided at')),
                ('decided_by', models.CharField(blank=True, max_length=120, verbose_name='decided by')),
                ('note', models.CharField(blank=True, max_length=200, verbose_name='why')),
                ('run', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='held', to='billing.billingrun')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
                ('invoice', clients.kernel.tenancy.TenantForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.invoice', verbose_name='invoice')),
                ('subscription', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='held', to='billing.subscription', verbose_name='subscription')),
            ],
            options={
                'verbose_name': 'held invoice',
                'verbose_name_plural': 'held invoices',
                'ordering': ['-id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.CheckConstraint(condition=models.Q(('reason__in', ['incomplete', 'no_data', 'currency'])), name='billing_heldinvoice_reason_known'), models.CheckConstraint(condition=models.Q(('decision__in', ['waiting', 'issued', 'dropped'])), name='billing_heldinvoice_decision_known'), models.UniqueConstraint(fields=('tenant', 'subscription', 'period_start'), name='billing_heldinvoice_period_once')],
            },
        ),
        migrations.CreateModel(
            name='InvoiceLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('kind', models.CharField(choices=[('fixed', 'Fixed price'), ('energy', 'Energy'), ('adjustment', 'Adjustment')], max_length=12, verbose_name='kind')),
                ('description', models.CharField(max_length=200, verbose_name='description')),
                ('quantity', models.DecimalField(decimal_places=6, max_digits=20, verbose_name='quantity')),
                ('unit', models.CharField(max_length=10, verbose_name='unit')),
                ('unit_price', models.DecimalField(decimal_places=8, max_digits=20, verbose_name='unit price')),
                ('amount_cents', models.BigIntegerField(verbose_name='amount')),
                ('evidence', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder, verbose_name='evidence')),
                ('invoice', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='billing.invoice')),
                ('metering_point', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='meters.meteringpoint')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'line',
                'verbose_name_plural': 'lines',
                'ordering': ['invoice', 'position'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['fixed', 'energy', 'adjustment'])), name='billing_invoiceline_kind_known'), models.UniqueConstraint(fields=('tenant', 'invoice', 'position'), name='billing_invoiceline_position_once')],
            },
        ),
        migrations.CreateModel(
            name='Payment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False, unique=True)),
                ('method', models.CharField(choices=[('pix', 'Pix'), ('cash', 'Cash'), ('transfer', 'Bank transfer'), ('card', 'Card'), ('other', 'Other')], max_length=10, verbose_name='method')),
                ('amount_cents', models.BigIntegerField(verbose_name='amount')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('received_at', models.DateTimeField(verbose_name='received at')),
                ('reference', models.CharField(help_text="The bank's own identifier: for Pix, the endToEndId.", max_length=64, verbose_name='reference')),
                ('note', models.CharField(blank=True, max_length=200, verbose_name='note')),
                ('recorded_by', models.CharField(blank=True, max_length=120, verbose_name='recorded by')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('client', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='clients.client', verbose_name='client')),
                ('gateway_account', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.gatewayaccount', verbose_name='where it arrived')),
                ('invoice', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='billing.invoice', verbose_name='invoice')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'payment',
                'verbose_name_plural': 'payments',
                'ordering': ['-received_at', '-id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', '-received_at'], name='billing_payment_by_time'), models.Index(fields=['tenant', 'client'], name='billing_payment_by_client')],
                'constraints': [models.CheckConstraint(condition=models.Q(('method__in', ['pix', 'cash', 'transfer', 'card', 'other'])), name='billing_payment_method_known'), models.UniqueConstraint(fields=('tenant', 'reference'), name='billing_payment_reference_once'), models.CheckConstraint(condition=models.Q(('amount_cents__gt', 0)), name='billing_payment_positive')],
            },
        ),
        migrations.CreateModel(
            name='LedgerEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('transaction', models.CharField(max_length=60, verbose_name='transaction')),
                ('amount_cents', models.BigIntegerField(verbose_name='amount')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('posted_at', models.DateTimeField(verbose_name='posted at')),
                ('account', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='billing.ledgeraccount', verbose_name='account')),
                ('client', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.client', verbose_name='client')),
                ('invoice', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='billing.invoice', verbose_name='invoice')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
                ('payment', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='billing.payment', verbose_name='payment')),
            ],
            options={
                'verbose_name': 'ledger entry',
                'verbose_name_plural': 'ledger entries',
                'ordering': ['-id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'client', 'account'], name='billing_ledgerentry_by_client')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'transaction', 'account'), name='billing_ledgerentry_once'), models.CheckConstraint(condition=models.Q(('amount_cents', 0), _negated=True), name='billing_ledgerentry_moves')],
            },
        ),
        migrations.CreateModel(
            name='InvoiceEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('series', models.CharField(default='', max_length=8, verbose_name='series')),
                ('number', models.BigIntegerField(verbose_name='number')),
                ('period_start', models.DateTimeField(verbose_name='period start')),
                ('period_end', models.DateTimeField(verbose_name='period end')),
                ('issued_at', models.DateTimeField(verbose_name='issued at')),
                ('due_on', models.DateField(verbose_name='due on')),
                ('status', models.CharField(choices=[('issued', 'To be paid'), ('paid', 'Paid'), ('void', 'Cancelled')], default='issued', max_length=8, verbose_name='status')),
                ('total_cents', models.BigIntegerField(verbose_name='total')),
                ('paid_cents', models.BigIntegerField(default=0, verbose_name='paid so far')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('txid', models.CharField(blank=True, max_length=25, verbose_name='Pix identifier')),
                ('paid_at', models.DateTimeField(blank=True, null=True, verbose_name='paid at')),
                ('voided_at', models.DateTimeField(blank=True, null=True, verbose_name='cancelled at')),
                ('void_reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                ('announced_at', models.DateTimeField(blank=True, null=True, verbose_name='client told at')),
                ('client', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.client', verbose_name='client')),
                ('document', clients.kernel.tenancy.TenantForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.storedfile')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='billing.invoice')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
                ('subscription', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.subscription', verbose_name='subscription')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='HeldInvoiceEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('period_start', models.DateTimeField(verbose_name='period start')),
                ('period_end', models.DateTimeField(verbose_name='period end')),
                ('reason', models.CharField(choices=[('incomplete', 'Data is missing'), ('no_data', 'No data at all'), ('currency', 'The plan is in another currency')], max_length=12, verbose_name='reason')),
                ('detail', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder, verbose_name='detail')),
                ('total_cents', models.BigIntegerField(verbose_name='amount so far')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('held_at', models.DateTimeField(verbose_name='held since')),
                ('decision', models.CharField(choices=[('waiting', 'Waiting for a decision'), ('issued', 'Issued'), ('dropped', 'Not billed')], default='waiting', max_length=8, verbose_name='decision')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided at')),
                ('decided_by', models.CharField(blank=True, max_length=120, verbose_name='decided by')),
                ('note', models.CharField(blank=True, max_length=200, verbose_name='why')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='billing.heldinvoice')),
                ('run', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.billingrun')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
                ('invoice', clients.kernel.tenancy.TenantForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.invoice', verbose_name='invoice')),
                ('subscription', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.subscription', verbose_name='subscription')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='SubscriptionEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('public_id', models.UUIDField(default=clients.kernel.keys.uuid7, editable=False)),
                ('starts_on', models.DateField(verbose_name='first day')),
                ('ends_on', models.DateField(blank=True, help_text='The first day that is not billed.', null=True, verbose_name='ends on')),
                ('anchor_day', models.PositiveSmallIntegerField(default=1, help_text='1 bills calendar months. In a shorter month, its last day.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(31)], verbose_name='period begins on day')),
                ('due_day', models.PositiveSmallIntegerField(blank=True, help_text="Empty: as soon as the plan's days to pay are over.", null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(31)], verbose_name='due on day')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('client', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.client', verbose_name='client')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='billing.subscription')),
                ('plan', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.plan', verbose_name='plan')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='SubscriptionPoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('metering_point', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='meters.meteringpoint', verbose_name='metering point')),
                ('subscription', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='points', to='billing.subscription')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.tenant')),
            ],
            options={
                'verbose_name': 'metering point',
                'verbose_name_plural': 'metering points',
                'ordering': ['id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'subscription', 'metering_point'), name='billing_subscriptionpoint_once')],
            },
        ),
        migrations.CreateModel(
            name='SubscriptionPointEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('metering_point', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='meters.meteringpoint', verbose_name='metering point')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='billing.subscriptionpoint')),
                ('subscription', clients.kernel.tenancy.TenantForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='billing.subscription')),
                ('tenant', clients.kernel.tenancy.OwnTenantKey(blank=True, db_constraint=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='clients.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='gatewayaccount',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_gatewayaccountevent" ("base_url", "created_at", "id", "is_active", "is_default", "kind", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "pix_key", "public_id", "receiver_city", "receiver_name", "tenant_id") VALUES (NEW."base_url", NEW."created_at", NEW."id", NEW."is_active", NEW."is_default", NEW."kind", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."pix_key", NEW."public_id", NEW."receiver_city", NEW."receiver_name", NEW."tenant_id"); RETURN NULL;', hash='799603a748d63cb0b8b800e80d8302dd1a379d2f', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_b370e', table='billing_gatewayaccount', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='gatewayaccount',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."base_url" IS DISTINCT FROM (NEW."base_url") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."is_default" IS DISTINCT FROM (NEW."is_default") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."pix_key" IS DISTINCT FROM (NEW."pix_key") OR OLD."public_id" IS DISTINCT FROM (NEW."public_id") OR OLD."receiver_city" IS DISTINCT FROM (NEW."receiver_city") OR OLD."receiver_name" IS DISTINCT FROM (NEW."receiver_name") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id"))', func='INSERT INTO "billing_gatewayaccountevent" ("base_url", "created_at", "id", "is_active", "is_default", "kind", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "pix_key", "public_id", "receiver_city", "receiver_name", "tenant_id") VALUES (NEW."base_url", NEW."created_at", NEW."id", NEW."is_active", NEW."is_default", NEW."kind", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."pix_key", NEW."public_id", NEW."receiver_city", NEW."receiver_name", NEW."tenant_id"); RETURN NULL;', hash='d5f169e2007d8b16b4775ca46b45df0ec4f09aae', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_f9a9f', table='billing_gatewayaccount', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='gatewayaccount',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_gatewayaccountevent" ("base_url", "created_at", "id", "is_active", "is_default", "kind", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "pix_key", "public_id", "receiver_city", "receiver_name", "tenant_id") VALUES (OLD."base_url", OLD."created_at", OLD."id", OLD."is_active", OLD."is_default", OLD."kind", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."pix_key", OLD."public_id", OLD."receiver_city", OLD."receiver_name", OLD."tenant_id"); RETURN NULL;', hash='6e36f7ea1cf18f1a3c67765164c69a2efc61771a', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_53e8a', table='billing_gatewayaccount', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='plan',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_planevent" ("created_at", "currency", "description", "due_days", "fixed_cents", "id", "is_active", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "price_per_kwh", "public_id", "tenant_id") VALUES (NEW."created_at", NEW."currency", NEW."description", NEW."due_days", NEW."fixed_cents", NEW."id", NEW."is_active", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."price_per_kwh", NEW."public_id", NEW."tenant_id"); RETURN NULL;', hash='f323fa12c391ae1c7ee7aa4b7d3ca00c64ccd659', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_85755', table='billing_plan', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='plan',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_planevent" ("created_at", "currency", "description", "due_days", "fixed_cents", "id", "is_active", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "price_per_kwh", "public_id", "tenant_id") VALUES (NEW."created_at", NEW."currency", NEW."description", NEW."due_days", NEW."fixed_cents", NEW."id", NEW."is_active", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."price_per_kwh", NEW."public_id", NEW."tenant_id"); RETURN NULL;', hash='af39e69e66bd4f29331b82e77807057037c20494', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_586bc', table='billing_plan', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='plan',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_planevent" ("created_at", "currency", "description", "due_days", "fixed_cents", "id", "is_active", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "price_per_kwh", "public_id", "tenant_id") VALUES (OLD."created_at", OLD."currency", OLD."description", OLD."due_days", OLD."fixed_cents", OLD."id", OLD."is_active", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."price_per_kwh", OLD."public_id", OLD."tenant_id"); RETURN NULL;', hash='5d6f1bb68852fec185ef2ad975e3a5d9a40e7b1b', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_92eaf', table='billing_plan', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscription',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_subscriptionevent" ("anchor_day", "client_id", "created_at", "due_day", "ends_on", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "public_id", "starts_on", "tenant_id") VALUES (NEW."anchor_day", NEW."client_id", NEW."created_at", NEW."due_day", NEW."ends_on", NEW."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."plan_id", NEW."public_id", NEW."starts_on", NEW."tenant_id"); RETURN NULL;', hash='ac9ffd019b29e7570d90b5b82b2ad19eaeda924f', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_6f62d', table='billing_subscription', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscription',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_subscriptionevent" ("anchor_day", "client_id", "created_at", "due_day", "ends_on", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "public_id", "starts_on", "tenant_id") VALUES (NEW."anchor_day", NEW."client_id", NEW."created_at", NEW."due_day", NEW."ends_on", NEW."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."plan_id", NEW."public_id", NEW."starts_on", NEW."tenant_id"); RETURN NULL;', hash='41a334123ec1d9f99166338de223afbc425e482f', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_5c2d2', table='billing_subscription', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscription',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_subscriptionevent" ("anchor_day", "client_id", "created_at", "due_day", "ends_on", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "public_id", "starts_on", "tenant_id") VALUES (OLD."anchor_day", OLD."client_id", OLD."created_at", OLD."due_day", OLD."ends_on", OLD."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."plan_id", OLD."public_id", OLD."starts_on", OLD."tenant_id"); RETURN NULL;', hash='85ae069d0306582deb634a72ba5ab61e3fc708c2', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_bb9c3', table='billing_subscription', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_invoiceevent" ("announced_at", "client_id", "currency", "document_id", "due_on", "id", "issued_at", "number", "paid_at", "paid_cents", "period_end", "period_start", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "series", "status", "subscription_id", "tenant_id", "total_cents", "txid", "void_reason", "voided_at") VALUES (NEW."announced_at", NEW."client_id", NEW."currency", NEW."document_id", NEW."due_on", NEW."id", NEW."issued_at", NEW."number", NEW."paid_at", NEW."paid_cents", NEW."period_end", NEW."period_start", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."public_id", NEW."series", NEW."status", NEW."subscription_id", NEW."tenant_id", NEW."total_cents", NEW."txid", NEW."void_reason", NEW."voided_at"); RETURN NULL;', hash='aec324f11b4784acd8d80bde0180831e3c1aa34e', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_0c624', table='billing_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."announced_at" IS DISTINCT FROM (NEW."announced_at") OR OLD."client_id" IS DISTINCT FROM (NEW."client_id") OR OLD."currency" IS DISTINCT FROM (NEW."currency") OR OLD."document_id" IS DISTINCT FROM (NEW."document_id") OR OLD."due_on" IS DISTINCT FROM (NEW."due_on") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."issued_at" IS DISTINCT FROM (NEW."issued_at") OR OLD."number" IS DISTINCT FROM (NEW."number") OR OLD."paid_at" IS DISTINCT FROM (NEW."paid_at") OR OLD."paid_cents" IS DISTINCT FROM (NEW."paid_cents") OR OLD."period_end" IS DISTINCT FROM (NEW."period_end") OR OLD."period_start" IS DISTINCT FROM (NEW."period_start") OR OLD."public_id" IS DISTINCT FROM (NEW."public_id") OR OLD."series" IS DISTINCT FROM (NEW."series") OR OLD."status" IS DISTINCT FROM (NEW."status") OR OLD."subscription_id" IS DISTINCT FROM (NEW."subscription_id") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id") OR OLD."total_cents" IS DISTINCT FROM (NEW."total_cents") OR OLD."txid" IS DISTINCT FROM (NEW."txid") OR OLD."void_reason" IS DISTINCT FROM (NEW."void_reason") OR OLD."voided_at" IS DISTINCT FROM (NEW."voided_at"))', func='INSERT INTO "billing_invoiceevent" ("announced_at", "client_id", "currency", "document_id", "due_on", "id", "issued_at", "number", "paid_at", "paid_cents", "period_end", "period_start", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "series", "status", "subscription_id", "tenant_id", "total_cents", "txid", "void_reason", "voided_at") VALUES (NEW."announced_at", NEW."client_id", NEW."currency", NEW."document_id", NEW."due_on", NEW."id", NEW."issued_at", NEW."number", NEW."paid_at", NEW."paid_cents", NEW."period_end", NEW."period_start", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."public_id", NEW."series", NEW."status", NEW."subscription_id", NEW."tenant_id", NEW."total_cents", NEW."txid", NEW."void_reason", NEW."voided_at"); RETURN NULL;', hash='7364c9ddf16fd949d38e99690005affde39fa608', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_28c43', table='billing_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_invoiceevent" ("announced_at", "client_id", "currency", "document_id", "due_on", "id", "issued_at", "number", "paid_at", "paid_cents", "period_end", "period_start", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "series", "status", "subscription_id", "tenant_id", "total_cents", "txid", "void_reason", "voided_at") VALUES (OLD."announced_at", OLD."client_id", OLD."currency", OLD."document_id", OLD."due_on", OLD."id", OLD."issued_at", OLD."number", OLD."paid_at", OLD."paid_cents", OLD."period_end", OLD."period_start", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."public_id", OLD."series", OLD."status", OLD."subscription_id", OLD."tenant_id", OLD."total_cents", OLD."txid", OLD."void_reason", OLD."voided_at"); RETURN NULL;', hash='19c5382d2b334af35860b8629f03959afcecad15', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_6493d', table='billing_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='heldinvoice',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_heldinvoiceevent" ("currency", "decided_at", "decided_by", "decision", "detail", "held_at", "id", "invoice_id", "note", "period_end", "period_start", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "reason", "run_id", "subscription_id", "tenant_id", "total_cents") VALUES (NEW."currency", NEW."decided_at", NEW."decided_by", NEW."decision", NEW."detail", NEW."held_at", NEW."id", NEW."invoice_id", NEW."note", NEW."period_end", NEW."period_start", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."public_id", NEW."reason", NEW."run_id", NEW."subscription_id", NEW."tenant_id", NEW."total_cents"); RETURN NULL;', hash='b8600647cfe0f56132426a9395314aef1d1cd110', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_287e5', table='billing_heldinvoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='heldinvoice',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_heldinvoiceevent" ("currency", "decided_at", "decided_by", "decision", "detail", "held_at", "id", "invoice_id", "note", "period_end", "period_start", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "reason", "run_id", "subscription_id", "tenant_id", "total_cents") VALUES (NEW."currency", NEW."decided_at", NEW."decided_by", NEW."decision", NEW."detail", NEW."held_at", NEW."id", NEW."invoice_id", NEW."note", NEW."period_end", NEW."period_start", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."public_id", NEW."reason", NEW."run_id", NEW."subscription_id", NEW."tenant_id", NEW."total_cents"); RETURN NULL;', hash='53aa67f3367f26bba297e69c59f4745f538ff3cc', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_0a5f8', table='billing_heldinvoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='heldinvoice',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_heldinvoiceevent" ("currency", "decided_at", "decided_by", "decision", "detail", "held_at", "id", "invoice_id", "note", "period_end", "period_start", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "reason", "run_id", "subscription_id", "tenant_id", "total_cents") VALUES (OLD."currency", OLD."decided_at", OLD."decided_by", OLD."decision", OLD."detail", OLD."held_at", OLD."id", OLD."invoice_id", OLD."note", OLD."period_end", OLD."period_start", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."public_id", OLD."reason", OLD."run_id", OLD."subscription_id", OLD."tenant_id", OLD."total_cents"); RETURN NULL;', hash='8255f55b4a9995637ee721a51223faaf2f3be8cc', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_91434', table='billing_heldinvoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscriptionpoint',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_subscriptionpointevent" ("id", "metering_point_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "subscription_id", "tenant_id") VALUES (NEW."id", NEW."metering_point_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."subscription_id", NEW."tenant_id"); RETURN NULL;', hash='8ec0c6b207ed999951e1aeb8bde6739b1064df6d', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='INSERT', pgid='pgtrigger_insert_insert_1689f', table='billing_subscriptionpoint', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscriptionpoint',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "billing_subscriptionpointevent" ("id", "metering_point_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "subscription_id", "tenant_id") VALUES (NEW."id", NEW."metering_point_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."subscription_id", NEW."tenant_id"); RETURN NULL;', hash='60c86111d6d49778f45ba06d464799acc283cc93', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='UPDATE', pgid='pgtrigger_update_update_9c75a', table='billing_subscriptionpoint', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscriptionpoint',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "billing_subscriptionpointevent" ("id", "metering_point_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "subscription_id", "tenant_id") VALUES (OLD."id", OLD."metering_point_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."subscription_id", OLD."tenant_id"); RETURN NULL;', hash='44a5698997be1483e31d634f7431b1b18429706a', ignore_func_name='"pulso"._pgtrigger_should_ignore', operation='DELETE', pgid='pgtrigger_delete_delete_366c8', table='billing_subscriptionpoint', when='AFTER')),
        ),
        *(
            rls.SecureTenantTable(model)
            for model in (
                "Plan",
                "Subscription",
                "SubscriptionPoint",
                "GatewayAccount",
                "GatewayNotice",
                "BillingRun",
                "InvoiceSeries",
            )
        ),
        rls.SecureTenantTable("Invoice", grants=f"SELECT, INSERT, UPDATE ({CHANGING})"),
        rls.SecureTenantTable("HeldInvoice"),
        *(
            rls.SecureTenantTable(model, grants="SELECT, INSERT")
            for model in (
                "InvoiceLine",
                "Payment",
                "LedgerAccount",
                "LedgerEntry",
                "PlanEvent",
                "SubscriptionEvent",
                "SubscriptionPointEvent",
                "GatewayAccountEvent",
                "InvoiceEvent",
                "HeldInvoiceEvent",
            )
        ),
        migrations.RunSQL(GUARD_INVOICES, "DROP FUNCTION billing_guard_invoice CASCADE"),
        migrations.RunSQL(REFUSE_CHANGES, "DROP FUNCTION billing_refuse_change CASCADE"),
        migrations.RunSQL(BALANCE_LEDGER, "DROP FUNCTION billing_check_balance CASCADE"),
        LeaseFunction("billing_gatewaynotice"),
        rls.DefinerFunction(
            "gateway_account_by_token",
            "wanted text",
            "TABLE (tenant_id bigint, account_id bigint)",
            "SELECT tenant_id, id FROM billing_gatewayaccount "
            "WHERE webhook_token_sha256 = wanted AND is_active",
        ),
        rls.DefinerFunction(
            "tenants_with_untold_invoices",
            "max_rows integer",
            "TABLE (tenant_id bigint)",
            "SELECT DISTINCT tenant_id FROM billing_invoice "
            "WHERE announced_at IS NULL AND status = 'issued' LIMIT max_rows",
        ),
        rls.DefinerFunction(
            "open_billing_runs",
            "max_rows integer",
            "TABLE (tenant_id bigint, run_id bigint)",
            "SELECT tenant_id, id FROM billing_billingrun "
            "WHERE status = 'running' ORDER BY id LIMIT max_rows",
        ),
        rls.DefinerFunction(
            "gateway_accounts_to_ask",
            "max_rows integer",
            "TABLE (tenant_id bigint, account_id bigint)",
            "SELECT tenant_id, id FROM billing_gatewayaccount "
            "WHERE is_active AND kind <> 'pix_key' ORDER BY id LIMIT max_rows",
        ),
    ]
