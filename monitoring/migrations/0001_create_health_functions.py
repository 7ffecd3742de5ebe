from django.db import migrations

from clients.kernel import rls


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0002_grant_tables_of_packages"),
        ("meters", "0002_create_readings"),
        ("messaging", "0001_create_outbox"),
        ("billing", "0001_create_billing"),
    ]
    operations = [
        # Any table with due work is found by its columns, so a later app needs nothing here.
        rls.DefinerFunction(
            "oldest_due",
            "",
            "TABLE (source text, age_seconds double precision)",
            """
            DECLARE leased text;
            BEGIN
                FOR leased IN
                    SELECT c.relname FROM pg_catalog.pg_class c
                    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = 'pulso' AND c.relkind IN ('r', 'p') AND 2 = (
                        SELECT count(*) FROM pg_catalog.pg_attribute a
                        WHERE a.attrelid = c.oid AND a.attname IN ('due_at', 'leased_until'))
                    ORDER BY c.relname
                LOOP
                    RETURN QUERY EXECUTE format(
                        'SELECT %L::text, coalesce(extract(epoch FROM clock_timestamp() '
                        '- min(due_at)), 0)::double precision FROM pulso.%I '
                        'WHERE due_at <= clock_timestamp() '
                        'AND coalesce(leased_until, ''-infinity'') < clock_timestamp()',
                        leased, leased);
                END LOOP;
            END
            """,
        ),
        rls.DefinerFunction(
            "forget_expired",
            "max_rows integer",
            "bigint",
            """
            WITH files AS (
                DELETE FROM clients_storedfile WHERE id IN (
                    SELECT id FROM clients_storedfile WHERE expires_at < clock_timestamp()
                    LIMIT max_rows) RETURNING 1),
            answers AS (
                DELETE FROM clients_idempotencykey WHERE id IN (
                    SELECT id FROM clients_idempotencykey
                    WHERE created_at < clock_timestamp() - interval '30 days'
                    AND scope !~ '(payment|charge|refund|invoice|billing)'
                    LIMIT max_rows) RETURNING 1)
            SELECT (SELECT count(*) FROM files) + (SELECT count(*) FROM answers)
            """,
        ),
        rls.DefinerFunction(
            "business_figures",
            "",
            "TABLE (name text, state text, value bigint)",
            """
            SELECT 'clients', status::text, count(*) FROM clients_client GROUP BY status
            UNION ALL
            SELECT 'meters', CASE WHEN is_active THEN 'active' ELSE 'idle' END, count(*)
            FROM meters_meter GROUP BY is_active
            UNION ALL
            SELECT 'invoices', status, count(*) FROM billing_invoice GROUP BY status
            UNION ALL
            SELECT 'held_invoices', decision, count(*) FROM billing_heldinvoice GROUP BY decision
            UNION ALL
            SELECT 'payments', method, count(*) FROM billing_payment GROUP BY method
            UNION ALL
            SELECT 'messages', status, count(*) FROM messaging_message GROUP BY status
            """,
        ),
    ]
