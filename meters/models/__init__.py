from __future__ import annotations

from meters.models.alarm_event import (
    AlarmEvent,
    AlarmProgress,
    AlarmState,
    ClearReason,
    Phase,
)
from meters.models.alarm_rule import (
    AlarmKind,
    AlarmRule,
    Audience,
    Operator,
    Scope,
    Severity,
)
from meters.models.change import (
    Change,
)
from meters.models.connection import (
    Connection,
    ConnectionDriver,
    ConnectionState,
    Parity,
    Transport,
)
from meters.models.device_key import (
    DeviceKey,
    DeviceKeyMeter,
)
from meters.models.interval import (
    DayTotal,
    Interval,
    Quality,
    Rule,
)
from meters.models.meter import (
    Installation,
    Meter,
)
from meters.models.reading import (
    Conflict,
    Quarantine,
    QuarantineReason,
    Reading,
    Touched,
)
from meters.models.site import (
    MeteringPoint,
    MeterKind,
    Site,
)

__all__ = [
    "AlarmEvent",
    "AlarmKind",
    "AlarmProgress",
    "AlarmRule",
    "AlarmState",
    "Audience",
    "Change",
    "ClearReason",
    "Conflict",
    "Connection",
    "ConnectionDriver",
    "ConnectionState",
    "DayTotal",
    "DeviceKey",
    "DeviceKeyMeter",
    "Installation",
    "Interval",
    "Meter",
    "MeterKind",
    "MeteringPoint",
    "Operator",
    "Parity",
    "Phase",
    "Quality",
    "Quarantine",
    "QuarantineReason",
    "Reading",
    "Rule",
    "Scope",
    "Severity",
    "Site",
    "Touched",
    "Transport",
]
