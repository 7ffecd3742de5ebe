from __future__ import annotations

from meters.models.change import Change
from meters.models.device_key import DeviceKey, DeviceKeyMeter
from meters.models.interval import DayTotal, Interval, Quality, Rule
from meters.models.meter import Installation, Meter
from meters.models.reading import Conflict, Quarantine, QuarantineReason, Reading, Touched
from meters.models.reading_export import (
    DecimalSign,
    ExportFormat,
    ExportPart,
    ExportState,
    ExportWhat,
    ReadingExport,
)
from meters.models.reading_import import (
    ImportChunk,
    ImportState,
    ReadingImport,
    RetractedReading,
)
from meters.models.retention import ReadingHold, Retention
from meters.models.site import MeteringPoint, MeterKind, Site

__all__ = [
    "Change",
    "Conflict",
    "DayTotal",
    "DecimalSign",
    "DeviceKey",
    "DeviceKeyMeter",
    "ExportFormat",
    "ExportPart",
    "ExportState",
    "ExportWhat",
    "ImportChunk",
    "ImportState",
    "Installation",
    "Interval",
    "Meter",
    "MeterKind",
    "MeteringPoint",
    "Quality",
    "Quarantine",
    "QuarantineReason",
    "Reading",
    "ReadingExport",
    "ReadingHold",
    "ReadingImport",
    "Retention",
    "RetractedReading",
    "Rule",
    "Site",
    "Touched",
]
