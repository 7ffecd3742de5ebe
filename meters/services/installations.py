"""Which meter serves which metering point, and since when."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from clients.kernel.tenancy import current_tenant_id
from meters.errors import MeteringPointInUse, MeterInUse
from meters.models import Installation, Meter, MeteringPoint


def install_meter(
    meter: Meter, metering_point: MeteringPoint, *, at: datetime, start_register: int | None = None
) -> Installation:
    """Let the meter serve the point from `at` on. Raises MeterInUse or MeteringPointInUse."""
    try:
        with transaction.atomic():
            return Installation.objects.create(
                tenant_id=current_tenant_id(),
                meter=meter,
                metering_point=metering_point,
                starts_at=at,
                start_register=start_register,
            )
    except IntegrityError as error:
        if "one_meter_at_a_time" in str(error):
            raise MeteringPointInUse(
                _("Another meter serves this point at that time; exchange it instead.")
            ) from error
        if "one_point_at_a_time" in str(error):
            raise MeterInUse(_("This meter serves another point at that time.")) from error
        raise


def remove_meter(
    installation: Installation, *, at: datetime, end_register: int | None = None
) -> None:
    """End the installation. Readings from `at` on no longer count for the point."""
    installation.ends_at = at
    installation.end_register = end_register
    installation.full_clean(validate_unique=False, validate_constraints=True)
    installation.save(update_fields=["ends_at", "end_register"])


def exchange_meter(
    metering_point: MeteringPoint,
    new_meter: Meter,
    *,
    at: datetime,
    end_register: int | None = None,
    start_register: int | None = None,
) -> Installation:
    """Take the meter that serves the point at `at` down and put another up in its place."""
    with transaction.atomic():
        serving = (
            Installation.objects.select_for_update()
            .filter(metering_point=metering_point, starts_at__lt=at)
            .filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at))
            .first()
        )
        if serving is not None:
            remove_meter(serving, at=at, end_register=end_register)
        return install_meter(new_meter, metering_point, at=at, start_register=start_register)
