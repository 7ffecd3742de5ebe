"""stub"""

from __future__ import annotations

from typing import Final

from meters.drivers.pushed import Dialect
from meters.drivers.shelly import Shelly
from meters.drivers.tasmota import Tasmota
from meters.drivers.zigbee2mqtt import Zigbee2Mqtt

DIALECTS: Final[dict[str, Dialect]] = {
    "tasmota": Tasmota(),
    "shelly": Shelly(),
    "zigbee2mqtt": Zigbee2Mqtt(),
}
