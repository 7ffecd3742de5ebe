from __future__ import annotations

from meters.models.change import Change
from meters.models.connection import (
    Connection,
    ConnectionDriver,
    ConnectionState,
    Parity,
    Transport,
)
from meters.models.device_key import DeviceKey, DeviceKeyMeter
from meters.models.disregarded import Disregarded
from meters.models.estimate import Edit, EditKind, Estimate, Method
from meters.models.interval import DayTotal, Interval, Quality, Rule
from meters.models.meter import Installation, Meter
from meters.models.peak_hours import Holiday, PeakHours, Posto
from meters.models.reading import Conflict, Quarantine, QuarantineReason, Reading, Touched
from meters.models.register_event import EventKind, EventState, RegisterEvent
from meters.models.site import MeteringPoint, MeterKind, Site

__all__ = [
    "Change",
    "Conflict",
    "Connection",
    "ConnectionDriver",
    "ConnectionState",
    "DayTotal",
    "DeviceKey",
    "DeviceKeyMeter",
    "Disregarded",
    "Edit",
    "EditKind",
    "Estimate",
    "EventKind",
    "EventState",
    "Holiday",
    "Installation",
    "Interval",
    "Meter",
    "MeterKind",
    "MeteringPoint",
    "Method",
    "Parity",
    "PeakHours",
    "Posto",
    "Quality",
    "Quarantine",
    "QuarantineReason",
    "Reading",
    "RegisterEvent",
    "Rule",
    "Site",
    "Touched",
    "Transport",
]
