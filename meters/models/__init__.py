from __future__ import annotations

from meters.models.alarm_event import AlarmEvent, AlarmProgress, AlarmState, ClearReason, Phase
from meters.models.alarm_rule import AlarmKind, AlarmRule, AlarmSeverity, Audience, Operator, Scope
from meters.models.broker import BrokerState, MqttBroker
from meters.models.change import Change
from meters.models.clock import MeterClock
from meters.models.connection import (
    Connection,
    ConnectionDriver,
    ConnectionState,
    Parity,
    Transport,
)
from meters.models.device_key import DeviceKey, DeviceKeyMeter, EpochUnit
from meters.models.disregarded import Disregarded
from meters.models.estimate import Edit, EditKind, Estimate, Method
from meters.models.forwarder import ForwardBatch, ForwardedMeter, Forwarder
from meters.models.history_gap import HistoryGap
from meters.models.interval import DayTotal, Interval, Quality, Rule
from meters.models.meter import Installation, Meter
from meters.models.meter_exception import UNDECIDED, ExceptionState, MeterException, Resolution
from meters.models.peak_hours import Holiday, PeakHours, Posto
from meters.models.reading import Conflict, Handling, Quarantine, QuarantineReason, Reading, Touched
from meters.models.reading_export import (
    DecimalSign,
    ExportFormat,
    ExportPart,
    ExportState,
    ExportWhat,
    ReadingExport,
)
from meters.models.reading_import import ImportChunk, ImportState, ReadingImport, RetractedReading
from meters.models.register_event import EventKind, EventState, RegisterEvent
from meters.models.retention import ReadingHold, Retention
from meters.models.site import MeteringPoint, MeterKind, Site
from meters.models.stuck import Stuck
from meters.models.uplink import Uplink
from meters.models.validation_rule import SEVERITIES, RuleCode, Severity, ValidationRule

__all__ = [
    "SEVERITIES",
    "UNDECIDED",
    "AlarmEvent",
    "AlarmKind",
    "AlarmProgress",
    "AlarmRule",
    "AlarmSeverity",
    "AlarmState",
    "Audience",
    "BrokerState",
    "Change",
    "ClearReason",
    "Conflict",
    "Connection",
    "ConnectionDriver",
    "ConnectionState",
    "DayTotal",
    "DecimalSign",
    "DeviceKey",
    "DeviceKeyMeter",
    "Disregarded",
    "Edit",
    "EditKind",
    "EpochUnit",
    "Estimate",
    "EventKind",
    "EventState",
    "ExceptionState",
    "ExportFormat",
    "ExportPart",
    "ExportState",
    "ExportWhat",
    "ForwardBatch",
    "ForwardedMeter",
    "Forwarder",
    "Handling",
    "HistoryGap",
    "Holiday",
    "ImportChunk",
    "ImportState",
    "Installation",
    "Interval",
    "Meter",
    "MeterClock",
    "MeterException",
    "MeterKind",
    "MeteringPoint",
    "Method",
    "MqttBroker",
    "Operator",
    "Parity",
    "PeakHours",
    "Phase",
    "Posto",
    "Quality",
    "Quarantine",
    "QuarantineReason",
    "Reading",
    "ReadingExport",
    "ReadingHold",
    "ReadingImport",
    "RegisterEvent",
    "Resolution",
    "Retention",
    "RetractedReading",
    "Rule",
    "RuleCode",
    "Scope",
    "Severity",
    "Site",
    "Stuck",
    "Touched",
    "Transport",
    "Uplink",
    "ValidationRule",
]
