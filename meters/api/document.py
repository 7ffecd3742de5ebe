"""What the OpenAPI document says about what machines call: the ingest lane and the cron door."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from meters.models.aliases import ALIASES, OBIS, Alias
from meters.models.quantities import QUANTITIES, Quantity
from meters.services.samples import MAX_READINGS

PATH: Final = "/api/v1/ingest"


def _number(quantity: Quantity) -> dict[str, Any]:
    if quantity.kind == "register":
        return {"type": "integer", "minimum": 0, "maximum": quantity.largest}
    return {"type": "number", "minimum": -quantity.largest, "maximum": quantity.largest}


_VALUES: Final = {
    quantity.name: {**_number(quantity), "description": f"In {quantity.unit}."}
    for quantity in QUANTITIES
}
_WHEN: Final[dict[str, Any]] = {
    "measured_at": {
        "type": "string",
        "format": "date-time",
        "description": (
            "With an offset, like 2026-01-31T23:59:00-03:00; `timestamp`, `time` and `ts` are the "
            "same. Without offset, as a bare number or left out only where the device key "
            "declares it."
        ),
    },
    "unix": {"type": "number", "description": "Instead: seconds since 1970."},
    "unix_ms": {"type": "number", "description": "Instead: milliseconds since 1970."},
}
_WHOSE: Final[dict[str, Any]] = {
    "type": "string",
    "maxLength": 64,
    "description": (
        "Serial number or id; `device_id`, `meter_id` and `serial` are the same. "
        "May be left out when the key has one meter."
    ),
}
_EXTRA: Final[dict[str, Any]] = {
    "type": "object",
    "maxProperties": 32,
    "description": "Anything else: text, numbers, true, false.",
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
}


def _said(alias: Alias) -> str:
    """What becomes of a value under another name."""
    if not alias.quantity:
        return "Kept in `extra`."
    scaled = f" × {alias.scale.normalize():f}" if alias.scale != 1 else ""
    added = f" {alias.offset:+.4g}" if alias.offset else ""
    return f"Kept as `{alias.quantity}`{scaled}{added}."


_ALIASES: Final = {
    name: {"type": "number", "description": _said(alias)}
    for name, alias in ALIASES.items()
    if name not in _VALUES
}
_OBIS: Final = (
    "OBIS codes, with or without medium and channel: `1-0:1.8.0`, `1.8.0`. A number is in the "
    "code's customary unit, or a text brings its own: `12.5*kWh`. "
    + "; ".join(
        f"{code} `{meant.quantity}` ({meant.unit or 'its unit must be brought'})"
        for code, meant in OBIS.items()
    )
    + ". Tariffs, quadrants, demand and angles are kept in `extra`."
)
READING: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "description": (
        "One instant of one meter. Registers are whole numbers in base units. Names that devices "
        "use are understood too, with exact conversion; what could be in two units, such as "
        "`energy` or OBIS 16.7.0 without a unit, is refused. At least one value is needed."
    ),
    "properties": {**_WHEN, "meter": _WHOSE, **_VALUES, "extra": _EXTRA, **_ALIASES},
    "patternProperties": {
        r"^([01]-\d{1,2}:)?\d{1,2}\.\d{1,2}\.\d{1,2}([*.]\d{1,3})?$": {
            "description": _OBIS,
            "oneOf": [
                {"type": "number"},
                {"type": "string", "pattern": r"^[+-]?\d+(\.\d+)?\s*\*\s*[A-Za-z]+$"},
            ],
        }
    },
}
SINGLE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["metric", "value"],
    "additionalProperties": False,
    "description": (
        "The older form: one quantity of one instant. Items of the same meter and instant in one "
        "body become one reading."
    ),
    "properties": {
        "device_id": _WHOSE,
        "timestamp": _WHEN["measured_at"],
        "metric": {"type": "string", "description": "A name as in IngestReading, or OBIS."},
        "value": {"type": ["number", "string"], "description": "A number; of OBIS also `1.2*kW`."},
        "extra": _EXTRA,
    },
}
_COUNT: Final = {"type": "integer", "minimum": 0}
ANSWER: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["accepted", "duplicates", "conflicts", "rejected", "items"],
    "properties": {
        "accepted": _COUNT,
        "duplicates": {**_COUNT, "description": "The same reading was there."},
        "conflicts": {**_COUNT, "description": "Another reading was there; the first is kept."},
        "rejected": {
            **_COUNT,
            "description": "In quarantine for their clock, or not understood; a code for each.",
        },
        "items": {
            "type": "array",
            "description": "Every item that was not simply accepted, by its place.",
            "items": {
                "type": "object",
                "required": ["item", "outcome"],
                "properties": {
                    "item": _COUNT,
                    "outcome": {"enum": ["duplicate", "conflict", "rejected"]},
                    "code": {"type": "string"},
                    "field": {"type": "string", "description": "What was not understood."},
                    "detail": {"type": "string", "description": "Why, as a sentence."},
                },
            },
        },
    },
}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _refused(why: str, *headers: str) -> dict[str, Any]:
    named = {name: {"schema": {"type": "integer"}, "description": "Seconds."} for name in headers}
    return {"description": why, "content": _json("Error"), "headers": named}


_ITEMS: Final = [
    {"$ref": "#/components/schemas/IngestReading"},
    {"$ref": "#/components/schemas/IngestSingle"},
]
ENVELOPE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["readings"],
    "additionalProperties": False,
    "properties": {
        "readings": {"type": "array", "maxItems": MAX_READINGS, "items": {"oneOf": _ITEMS}}
    },
}
_AT: Final = "2026-01-31T23:59:00-03:00"
EXAMPLES: Final[dict[str, Any]] = {
    "one": {
        "summary": "One reading",
        "value": {
            "meter": "SN-1",
            "measured_at": _AT,
            "energy_import_wh": 123456,
            "power_w": 812.5,
        },
    },
    "list": {
        "summary": "A list",
        "value": [
            {"meter": "SN-1", "measured_at": _AT, "energy_import_wh": 123456},
            {"meter": "SN-2", "measured_at": _AT, "volume_l": 4200},
        ],
    },
    "readings": {
        "summary": "Under a name",
        "value": {"readings": [{"measured_at": _AT, "energy_kwh": 123.456}]},
    },
    "obis": {
        "summary": "OBIS codes",
        "value": {"measured_at": _AT, "1-0:1.8.0": 123.456, "1-0:16.7.0": "0.8*kW"},
    },
    "older": {
        "summary": "The older form",
        "value": {"device_id": "SN-1", "timestamp": _AT, "metric": "energy_kwh", "value": 123.456},
    },
}
OPERATION: Final[dict[str, Any]] = {
    "operationId": "ingest",
    "tags": ["ingest"],
    "description": (
        'Readings of the meters of a device key: one, a list, `{"readings": [...]}` or one per '
        "line; plain or gzip; at most 20,000 readings and 8 MiB. Answered after they are stored, "
        "item by item; a body of which nothing is understood is refused. "
        "Sending the same again changes nothing, so after a 503 or no answer send it again. "
        "Served by the edge process."
    ),
    "security": [{"deviceKey": []}],
    "parameters": [
        {
            "name": "strict",
            "in": "query",
            "schema": {"enum": ["0", "1"], "type": "string"},
            "description": "1: one item that is not understood refuses the whole body.",
        },
        {
            "name": "Content-Encoding",
            "in": "header",
            "schema": {"enum": ["identity", "gzip"], "type": "string"},
            "description": "gzip: the body is compressed, whichever of the forms it has.",
        },
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        *_ITEMS,
                        {"type": "array", "maxItems": MAX_READINGS, "items": {"oneOf": _ITEMS}},
                        {"$ref": "#/components/schemas/IngestEnvelope"},
                    ]
                },
                "examples": EXAMPLES,
            },
            "application/x-ndjson": {
                "schema": {
                    "type": "string",
                    "description": "A reading on each line. The content type may also be JSON's.",
                },
                "example": (
                    '{"measured_at": "2026-01-31T23:58:00-03:00", "energy_import_wh": 123450}\n'
                    '{"measured_at": "2026-01-31T23:59:00-03:00", "energy_import_wh": 123456}\n'
                ),
            },
        },
    },
    "responses": {
        "200": {"description": "What became of them.", "content": _json("IngestAnswer")},
        "400": _refused("Not JSON, or not readings at all. Nothing is stored."),
        "401": _refused("The key is missing, unknown, revoked or expired."),
        "413": _refused("Too many readings, or too long."),
        "415": _refused("Neither plain nor gzip."),
        "422": _refused("Nothing of it is understood. Nothing is stored."),
        "429": _refused("The key has used up its requests for this minute.", "Retry-After"),
        "503": _refused("Not stored, or not known to be. Send again.", "Retry-After"),
    },
}


CRON: Final = "/api/v1/cron/poll"
CRON_OPERATION: Final[dict[str, Any]] = {
    "tags": ["cron"],
    "description": (
        "Have every device asked whose time has come, for schedulers outside. "
        "They show the secret of the setting `CRON_SECRET`; without one nobody may call."
    ),
    "security": [{"cronSecret": []}],
    "responses": {
        "200": {
            "description": "Workers were told; they ask the devices after this answer.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["status"],
                        "properties": {"status": {"const": "success"}},
                    }
                }
            },
        },
        "401": _refused("The secret is missing or not the right one."),
    },
}


def document_machines(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: what machines call, which is no view of the framework's."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(
        IngestReading=READING, IngestSingle=SINGLE, IngestEnvelope=ENVELOPE, IngestAnswer=ANSWER
    )
    components.setdefault("securitySchemes", {}).update(
        deviceKey={
            "type": "http",
            "scheme": "bearer",
            "description": "A device key (`plsk_…`). It is shown once, when it is made or rotated.",
        },
        cronSecret={"type": "http", "scheme": "bearer", "description": "`CRON_SECRET`."},
    )
    # Copies: hooks that come later write into them.
    result["paths"][PATH] = {"post": deepcopy(OPERATION)}
    result["paths"][CRON] = {
        method: deepcopy(CRON_OPERATION) | {"operationId": f"cron_poll_{method}"}
        for method in ("get", "post")
    }
    result["paths"] = dict(sorted(result["paths"].items()))
    return result
