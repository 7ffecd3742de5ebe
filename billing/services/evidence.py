"""The readings behind issued invoices: held until 12 months after the invoice is paid.

A cancelled invoice holds nothing; an unpaid one holds until somebody decides about it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext as _

from billing.models import Invoice, InvoiceLine, InvoiceStatus
from clients.kernel.periods import Period
from meters.models import Meter
from meters.services.holds import HOLDS, Hold

MONTHS_AFTER_PAYMENT: Final = 12
# The registers' lines reach to the readings next to the period: a day on both sides shows them.
BESIDE: Final = timedelta(days=1)


def invoice_evidence(
    period: Period, meter_ids: Collection[int] | None, now: datetime
) -> Iterator[Hold]:
    """What invoices that count were made of, in the period."""
    paid_since = months_later(now, -MONTHS_AFTER_PAYMENT)
    lines = InvoiceLine.objects.filter(
        Q(invoice__paid_at__isnull=True) | Q(invoice__paid_at__gt=paid_since),
        metering_point__isnull=False,
        invoice__period_start__lt=period.end + BESIDE,
        invoice__period_end__gt=period.start - BESIDE,
    ).exclude(invoice__status=InvoiceStatus.VOID)
    rows = Meter.objects.all() if meter_ids is None else Meter.objects.filter(pk__in=meter_ids)
    by_serial = dict(rows.values_list("serial", "pk"))
    for line in lines.select_related("invoice").iterator(chunk_size=2_000):
        for part in line.evidence.get("meters", ()):
            if (meter_id := by_serial.get(part.get("serial"))) is not None:
                yield _hold(line.invoice, meter_id, part)


def _hold(invoice: Invoice, meter_id: int, part: dict[str, Any]) -> Hold:
    until = months_later(invoice.paid_at, MONTHS_AFTER_PAYMENT) if invoice.paid_at else None
    return Hold(
        meter_id=meter_id,
        starts_at=datetime.fromisoformat(part["from"]) - BESIDE,
        ends_at=datetime.fromisoformat(part["until"]) + BESIDE,
        reason=_("Invoice %(number)s") % {"number": invoice.label},
        since=invoice.issued_at,
        until=until,
    )


def months_later(at: datetime, months: int) -> datetime:
    """The same day and time so many months away; the month's last day where there is no such."""
    place = at.year * 12 + at.month - 1 + months
    year, month = divmod(place, 12)
    for day in (at.day, 30, 29, 28):
        try:
            return at.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


HOLDS["billing"] = invoice_evidence
