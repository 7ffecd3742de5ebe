"""Device keys: made, shown once, replaced with an overlap, and revoked at once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _

from clients.kernel.tenancy import current_tenant_id
from meters.errors import KeyRevoked
from meters.models import DeviceKey, DeviceKeyMeter, Meter

MARK: Final = "plsk_"  # lets a leaked key be recognised by scanners
SHOWN: Final = len(MARK) + 6
OVERLAP: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key and its secret, which is nowhere else and cannot be shown again."""

    key: DeviceKey
    secret: str


def create_key(
    name: str,
    meters: Sequence[Meter],
    *,
    rate_per_minute: int | None = None,
    time_zone: str = "",
    epoch_unit: str = "",
    stamps_arrival: bool = False,
) -> NewKey:
    """A key for a device, or for a gateway that reports several meters.

    `time_zone`, `epoch_unit` and `stamps_arrival` declare how it says times (see DeviceKey).
    """
    secret = MARK + secrets.token_urlsafe(32)
    key = DeviceKey.objects.create(
        tenant_id=current_tenant_id(),
        name=name,
        prefix=secret[:SHOWN],
        secret_sha256=hashlib.sha256(secret.encode()).digest(),
        rate_per_minute=rate_per_minute,
        time_zone=time_zone,
        epoch_unit=epoch_unit,
        stamps_arrival=stamps_arrival,
    )
    set_meters(key, meters)
    return NewKey(key, secret)


def set_meters(key: DeviceKey, meters: Sequence[Meter]) -> None:
    """Let the key report exactly these meters."""
    wanted = {meter.pk for meter in meters}
    links = DeviceKeyMeter.objects.filter(device_key=key)
    links.exclude(meter_id__in=wanted).delete()
    known = set(links.values_list("meter_id", flat=True))
    DeviceKeyMeter.objects.bulk_create(
        DeviceKeyMeter(tenant_id=key.tenant_id, device_key=key, meter_id=meter_id)
        for meter_id in sorted(wanted - known)
    )


def overlap_end(key: DeviceKey, now: datetime, overlap: timedelta = OVERLAP) -> datetime:
    """Until when a key works that is replaced now."""
    ends = now + overlap
    return min(key.expires_at, ends) if key.expires_at else ends


def rotate_key(key: DeviceKey, *, now: datetime, overlap: timedelta = OVERLAP) -> NewKey:
    """A new key for the same meters. The old one goes on working for `overlap`, to be replaced."""
    _refuse_revoked(key)
    ends = overlap_end(key, now, overlap)
    if key.expires_at != ends:
        key.expires_at = ends
        key.save(update_fields=["expires_at"])
    links = DeviceKeyMeter.objects.filter(device_key=key).select_related("meter")
    return create_key(
        key.name,
        [link.meter for link in links],
        rate_per_minute=key.rate_per_minute,
        time_zone=key.time_zone,
        epoch_unit=key.epoch_unit,
        stamps_arrival=key.stamps_arrival,
    )


def revoke_key(key: DeviceKey, *, now: datetime) -> None:
    """Refuse the key from now on; its devices stop within two seconds. Safe to call twice."""
    still_valid = DeviceKey.objects.filter(pk=key.pk, revoked_at__isnull=True)
    if still_valid.update(revoked_at=now):
        key.revoked_at = now


def _refuse_revoked(key: DeviceKey) -> None:
    if key.revoked_at is not None:
        raise KeyRevoked(_("This key was revoked; create a new one."))
