from __future__ import annotations

from clients.kernel.events import Event

billing_started = Event("billing.billing_started")
invoice_issued = Event("billing.invoice_issued")
invoices_issued = Event("billing.invoices_issued")  # once for each chunk; clients are to be told
invoice_held = Event("billing.invoice_held")
invoice_paid = Event("billing.invoice_paid")
invoice_voided = Event("billing.invoice_voided")
account_saved = Event("billing.account_saved")
notice_kept = Event("billing.notice_kept")
