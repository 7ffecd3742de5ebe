"""What must always be true of money. Each function returns the rows that offend."""

from __future__ import annotations

from clients.kernel.invariants import Row, invariant, offending


@invariant("I5", "A bank's payment is recorded once, for the amount and account it confirmed.")
def unconfirmed_gateway_payments() -> list[Row]:
    return offending(
        "SELECT p.tenant_id, p.id FROM billing_payment p WHERE p.gateway_account_id IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM billing_gatewaynotice n WHERE n.tenant_id = p.tenant_id "
        "AND n.account_id = p.gateway_account_id AND n.end_to_end_id = p.reference "
        "AND n.confirmed_at IS NOT NULL)"
    )


@invariant("I6", "Each confirmed notice of a bank has its payment.")
def confirmed_notices_without_payment() -> list[Row]:
    return offending(
        "SELECT n.tenant_id, n.id FROM billing_gatewaynotice n WHERE n.confirmed_at IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM billing_payment p "
        "WHERE p.tenant_id = n.tenant_id AND p.reference = n.end_to_end_id)"
    )


@invariant("I8", "Every ledger transaction adds up to zero in one currency.")
def unbalanced_transactions() -> list[Row]:
    return offending(
        "SELECT tenant_id, transaction, sum(amount_cents) AS cents FROM billing_ledgerentry "
        "GROUP BY 1, 2 HAVING sum(amount_cents) <> 0 OR count(DISTINCT currency) > 1"
    )


@invariant("I8", "An invoice's total is the sum of its lines.")
def totals_unlike_their_lines() -> list[Row]:
    return offending(
        "SELECT i.tenant_id, i.id, i.total_cents, coalesce(sum(l.amount_cents), 0) AS lines_cents "
        "FROM billing_invoice i LEFT JOIN billing_invoiceline l "
        "ON l.tenant_id = i.tenant_id AND l.invoice_id = i.id "
        "GROUP BY i.tenant_id, i.id, i.total_cents "
        "HAVING coalesce(sum(l.amount_cents), 0) <> i.total_cents"
    )


@invariant("I8", "What the ledger says of an invoice is what the invoice says.")
def invoices_unlike_the_ledger() -> list[Row]:
    return offending(
        "SELECT i.tenant_id, i.id, i.status, coalesce(e.owed, 0) AS ledger_cents "
        "FROM billing_invoice i LEFT JOIN (SELECT e.tenant_id, e.invoice_id, "
        "sum(e.amount_cents) AS owed FROM billing_ledgerentry e JOIN billing_ledgeraccount a "
        "ON a.tenant_id = e.tenant_id AND a.id = e.account_id AND a.code = 'receivable' "
        "GROUP BY 1, 2) e ON e.tenant_id = i.tenant_id AND e.invoice_id = i.id "
        "WHERE coalesce(e.owed, 0) <> "
        "CASE i.status WHEN 'issued' THEN i.total_cents - i.paid_cents ELSE 0 END"
    )


@invariant("I8", "Cash in the ledger is the sum of the payments.")
def cash_unlike_payments() -> list[Row]:
    return offending(
        "SELECT p.tenant_id, p.id FROM billing_payment p LEFT JOIN billing_ledgerentry e "
        "ON e.tenant_id = p.tenant_id AND e.payment_id = p.id AND e.account_id = "
        "(SELECT a.id FROM billing_ledgeraccount a "
        "WHERE a.tenant_id = p.tenant_id AND a.code = 'cash') "
        "WHERE e.amount_cents IS DISTINCT FROM p.amount_cents"
    )


@invariant("I9", "No two invoices that count cover the same time of a subscription.")
def periods_billed_twice() -> list[Row]:
    return offending(
        "SELECT a.tenant_id, a.id, b.id AS other_id FROM billing_invoice a JOIN billing_invoice b "
        "ON b.tenant_id = a.tenant_id AND b.subscription_id = a.subscription_id AND b.id > a.id "
        "AND b.period_start < a.period_end AND a.period_start < b.period_end "
        "WHERE a.status <> 'void' AND b.status <> 'void'"
    )


@invariant("I9", "No metering point is billed twice for the same time.")
def points_billed_twice() -> list[Row]:
    return offending(
        "WITH billed AS (SELECT l.tenant_id, l.metering_point_id, i.id, i.period_start, "
        "i.period_end FROM billing_invoiceline l JOIN billing_invoice i "
        "ON i.tenant_id = l.tenant_id AND i.id = l.invoice_id "
        "WHERE l.metering_point_id IS NOT NULL AND i.status <> 'void') "
        "SELECT a.tenant_id, a.metering_point_id, a.id, b.id AS other_id "
        "FROM billed a JOIN billed b ON b.tenant_id = a.tenant_id "
        "AND b.metering_point_id = a.metering_point_id AND b.id > a.id "
        "AND b.period_start < a.period_end AND a.period_start < b.period_end"
    )


@invariant("I10", "Invoice numbers have no gap and end where their series stands.")
def numbers_with_gaps() -> list[Row]:
    return offending(
        "SELECT s.tenant_id, s.code, s.last_number, count(i.id) AS invoices, "
        "max(i.number) AS highest FROM billing_invoiceseries s LEFT JOIN billing_invoice i "
        "ON i.tenant_id = s.tenant_id AND i.series = s.code GROUP BY 1, 2, 3 "
        "HAVING count(i.id) <> s.last_number OR coalesce(max(i.number), 0) <> s.last_number"
    )
