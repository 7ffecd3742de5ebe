"""Which meter serves which metering point, and since when."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from clients.kernel import when
from clients.kernel.tenancy import current_tenant_id
from meters.errors import MeteringPointInUse, MeterInUse, NotServingYet
from meters.models import EventKind, Installation, Meter, MeteringPoint
from meters.services.intervals import restate_days
from meters.services.register_events import note_event
from meters.services.touching import A_MOMENT, touch, touch_known

ONE = Decimal(1)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def install_meter(
    meter: Meter,
    metering_point: MeteringPoint,
    *,
    at: datetime,
    start_register: int | None = None,
    multiplier: Decimal = ONE,
) -> Installation:
    """Let the meter serve the point from `at` on. Raises MeterInUse or MeteringPointInUse.

    `start_register` counts as a reading; `multiplier` is what a unit of the register stands for
    behind transformers (CT × PT).
    """
    try:
        with transaction.atomic():
            installation = Installation.objects.create(
                tenant_id=current_tenant_id(),
                meter=meter,
                metering_point=metering_point,
                starts_at=at,
                start_register=start_register,
                multiplier=multiplier,
            )
            _compute_again(installation)
            if _is_in_another_zone(installation):
                restate_days(meter.pk)
                touch_known(meter.pk, LONG_AGO, None)  # gaps are filled like days of the zone
            return installation
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
    """End the installation. Readings from `at` on no longer count for the point. Raises
    NotServingYet.

    `end_register` counts as a reading: what was used since the last one is not lost.
    """
    if at <= installation.starts_at:
        raise NotServingYet(
            _("The meter serves this place since %(since)s; choose a later time.")
            % {"since": when.moment(installation.starts_at)}
        )
    installation.ends_at = at
    installation.end_register = end_register
    installation.full_clean(validate_unique=False, validate_constraints=True)
    with transaction.atomic():
        installation.save(update_fields=["ends_at", "end_register"])
        _compute_again(installation)


def exchange_meter(
    metering_point: MeteringPoint,
    new_meter: Meter,
    *,
    at: datetime,
    end_register: int | None = None,
    start_register: int | None = None,
    multiplier: Decimal | None = None,
    author: str = "",
) -> Installation:
    """Take the meter that serves the point at `at` down and put another up in its place.

    The multiplier is the old one's unless it is given.
    """
    with transaction.atomic():
        serving = _serving(metering_point, at)
        if serving is not None:
            remove_meter(serving, at=at, end_register=end_register)
            multiplier = multiplier or serving.multiplier
            note_event(
                serving.meter,
                EventKind.EXCHANGE,
                at=at,
                author=author,
                before=end_register,
                after=start_register,
                note=_("%(meter)s took over.") % {"meter": new_meter},
            )
        return install_meter(
            new_meter,
            metering_point,
            at=at,
            start_register=start_register,
            multiplier=multiplier or ONE,
        )


def change_multiplier(
    installation: Installation,
    multiplier: Decimal,
    *,
    at: datetime,
    register: int | None = None,
    author: str = "",
) -> Installation:
    """Have other transformers count from `at` on: the same meter and point, a new stretch."""
    with transaction.atomic():
        meter, ended = installation.meter, installation.ends_at
        before, last = installation.multiplier, installation.end_register
        remove_meter(installation, at=at, end_register=register)
        following = install_meter(
            meter,
            installation.metering_point,
            at=at,
            start_register=register,
            multiplier=multiplier,
        )
        if ended is not None:
            remove_meter(following, at=ended, end_register=last)
        note_event(
            meter,
            EventKind.RATIO,
            at=at,
            author=author,
            before=register,
            after=register,
            factor=multiplier / before,
            note=f"{before.normalize():f} → {multiplier.normalize():f}",
        )
        return following


def _serving(metering_point: MeteringPoint, at: datetime) -> Installation | None:
    return (
        Installation.objects.select_for_update()
        .filter(metering_point=metering_point, starts_at__lt=at)
        .filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at))
        .first()
    )


def _compute_again(installation: Installation) -> None:
    """Both ends; and all that was measured since when a unit stands, or stood, for another."""
    meter_id, ends_at = installation.meter_id, installation.ends_at
    edges = [edge for edge in (installation.starts_at, ends_at) if edge is not None]
    touch((meter_id, edge, edge + A_MOMENT) for edge in edges)
    if installation.multiplier != 1:
        touch_known(meter_id, installation.starts_at, None)


def _is_in_another_zone(installation: Installation) -> bool:
    """Whether days of the meter begin at other hours now: those of the place it served last."""
    zones = set(
        Installation.objects.filter(meter=installation.meter_id)
        .order_by()
        .values_list("metering_point__site__time_zone", flat=True)
    )
    return zones != {installation.tenant.time_zone}


# What readings are judged by: another value may explain them differently.
JUDGED_BY = frozenset(
    {"kind", "digits", "register_step", "max_power_w", "max_flow_l_per_h", "sample_seconds"}
)


def keep_meter(meter: Meter, changed: Collection[str]) -> Meter:
    """The meter, saved by the caller; all of it is computed again when what judges it changed."""
    if JUDGED_BY & set(changed):
        touch_known(meter.pk, LONG_AGO, None)
    return meter
