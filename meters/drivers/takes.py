"""What each driver needs to know of a device, for the page on which it is entered.

`columns` are fields of a connection; `choices` are options with few answers and `secrets` what is
written and never shown. What is in neither is typed as JSON by those who know (`is_open`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, get_args

from meters.drivers.profiles import Order
from meters.drivers.tuya import VERSIONS
from meters.drivers.tuya_cloud import CENTRES

ASKED: Final = ("poll_every_seconds", "timeout_ms")
ORDERS: Final = get_args(Order)


@dataclass(frozen=True, slots=True)
class Takes:
    """What a driver uses."""

    columns: tuple[str, ...]
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    is_open: bool = False  # registers, fields or data points may be spelt out in the options


TAKES: Final[dict[str, Takes]] = {
    "modbus": Takes(
        (
            *("profile", "transport", "unit_id", "host", "port"),
            *("serial_path", "baud", "parity", "stop_bits", *ASKED),
        ),
        {"word_order": ORDERS, "byte_order": ORDERS},
        is_open=True,
    ),
    "tasmota": Takes(("address", "broker")),
    "shelly": Takes(("address", "broker", "channel", "host"), secrets=("password",)),
    "zigbee2mqtt": Takes(("address", "broker")),
    "chirpstack": Takes(("address",), is_open=True),
    "tuya": Takes(
        ("profile", "host", "address", *ASKED),
        {"version": VERSIONS},
        secrets=("local_key",),
        is_open=True,
    ),
    "tuya_cloud": Takes(
        ("profile", "address", *ASKED),
        {"region": tuple(CENTRES)},
        secrets=("client_id", "secret"),
        is_open=True,
    ),
}
# Of a Modbus device these depend on the line.
OF_LINE: Final = {
    "tcp": ("host", "port"),
    "rtu_over_tcp": ("host", "port"),
    "serial": ("serial_path", "baud", "parity", "stop_bits"),
}
CHOICES: Final = {name: each for takes in TAKES.values() for name, each in takes.choices.items()}
SECRETS: Final = tuple(dict.fromkeys(name for takes in TAKES.values() for name in takes.secrets))
