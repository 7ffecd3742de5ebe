"""What can be known of a connection's settings before anybody speaks: which cannot work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from meters.drivers import tuya, tuya_cloud
from meters.drivers.base import BadTarget, Target
from meters.drivers.chirpstack import DEV_EUI, fields_of
from meters.drivers.mqtt import DIALECTS
from meters.drivers.pushed import is_topic
from meters.drivers.tuya_map import meaning

LAST_CHANNEL: Final = 99
# The field on the page that a driver's complaint is about; others are about the options.
FIELDS: Final = {
    "bad_topic": "address",
    "bad_dev_eui": "address",
    "no_address": "host",
    "no_device_id": "address",
    "unknown_profile": "profile",
    "no_points": "profile",
    "bad_local_key": "secrets",
    "no_credentials": "secrets",
}


def complaint(driver: str, target: Target, units: Mapping[str, str]) -> str:
    """The code of what cannot work; empty when all may be well."""
    try:
        if driver in DIALECTS:
            return _of_topic(target)
        if driver == "chirpstack":
            fields_of(target.options, units)
            return "" if DEV_EUI.fullmatch(target.address.lower()) else "bad_dev_eui"
        if driver in ("tuya", "tuya_cloud") and not target.address:
            return "no_device_id"
        if driver == "tuya":
            meaning(target.profile or "plug", target.options)
            tuya.check(target)
        if driver == "tuya_cloud":
            meaning(target.profile or "plug", target.options)
            tuya_cloud.check(target)
    except BadTarget as refusal:
        return refusal.error_code
    return ""


def _of_topic(target: Target) -> str:
    if not is_topic(target.address):
        return "bad_topic"
    channel = target.options.get("channel", 0)
    is_channel = isinstance(channel, int) and not isinstance(channel, bool)
    return "" if is_channel and 0 <= channel <= LAST_CHANNEL else "bad_channel"
