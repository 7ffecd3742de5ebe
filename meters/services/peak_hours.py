"""Peak hours that are known of distributors, copied into the tenant's own rows."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from clients.kernel.errors import DomainError
from clients.kernel.tenancy import current_tenant_id
from meters.models import PeakHours

FILE: Final = Path(__file__).parent.parent / "data" / "peak_hours.csv"


class UnknownDistributor(DomainError):
    """Nothing is known of this distributor's hours: they are on its bill."""

    code = "unknown_distributor"
    http_status = 422


@dataclass(frozen=True, slots=True)
class KnownHours:
    """A row of the file: seen then, said by that source."""

    distributor: str
    state: str
    posto: str
    from_time: time
    until_time: time
    seen_on: str
    source: str
    confidence: str


@cache
def known_hours() -> tuple[KnownHours, ...]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            KnownHours(
                row["distributor"],
                row["state"],
                row["posto"],
                time.fromisoformat(row["from"]),
                time.fromisoformat(row["until"]),
                row["seen_on"],
                row["source"],
                row["confidence"],
            )
            for row in csv.DictReader(file)
        )


def known_distributors() -> list[str]:
    return sorted({row.distributor for row in known_hours()})


def offered_distributors() -> list[str]:
    """Names to choose from: those whose hours the tenant has, and those that are known here."""
    own = PeakHours.objects.values_list("distributor", flat=True).distinct()
    return sorted({*own, *known_distributors()})


def lacks_peak_hours(distributor: str) -> bool:
    """Whether a distributor is named of which the tenant has no hours."""
    return (
        bool(distributor) and not PeakHours.objects.filter(distributor__iexact=distributor).exists()
    )


@transaction.atomic
def copy_peak_hours(distributor: str, *, starts_on: date) -> list[PeakHours]:
    """The hours of a distributor as rows of the tenant, to be confirmed. Safe to call twice."""
    rows = [row for row in known_hours() if row.distributor == distributor]
    if not rows:
        raise UnknownDistributor(
            _("The hours of “%s” are not known here. They are on its bill.") % distributor
        )
    return [
        PeakHours.objects.get_or_create(
            distributor=row.distributor,
            posto=row.posto,
            from_time=row.from_time,
            starts_on=starts_on,
            defaults={
                "tenant_id": current_tenant_id(),
                "until_time": row.until_time,
                "source": f"{row.source} ({row.seen_on})"[:300],
            },
        )[0]
        for row in rows
    ]
