from __future__ import annotations

from meters.models.broker import BrokerState, MqttBroker
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
from meters.models.history_gap import HistoryGap
from meters.models.interval import DayTotal, Interval, Quality, Rule
from meters.models.meter import Installation, Meter
from meters.models.reading import Conflict, Quarantine, QuarantineReason, Reading, Touched
from meters.models.register_event import EventKind, EventState, RegisterEvent
from meters.models.site import MeteringPoint, MeterKind, Site
from meters.models.uplink import Uplink

__all__ = [
    "BrokerState",
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
    "HistoryGap",
    "Installation",
    "Interval",
    "Meter",
    "MeterKind",
    "MeteringPoint",
    "Method",
    "MqttBroker",
    "Parity",
    "Quality",
    "Quarantine",
    "QuarantineReason",
    "Reading",
    "RegisterEvent",
    "Rule",
    "Site",
    "Touched",
    "Transport",
    "Uplink",
]
