"""How to reach devices. To add one: write the file, add the line; the contract tests find it."""

from __future__ import annotations

from typing import Final

from meters.drivers.base import Driver
from meters.drivers.modbus import Modbus
from meters.drivers.tuya import Tuya
from meters.drivers.tuya_cloud import TuyaCloud

# Drivers that are asked (`manage.py poll`). What pushes (MQTT, webhooks) is heard elsewhere.
DRIVERS: Final[dict[str, type[Driver]]] = {
    "modbus": Modbus,
    "tuya": Tuya,
    "tuya_cloud": TuyaCloud,
}
