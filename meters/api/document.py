"""What the OpenAPI document says about the ingest lane, which is not one of Django's views."""

from __future__ import annotations

from typing import Any, Final

from meters.models.quantities import QUANTITIES, Quantity

PATH: Final = "/api/v1/ingest"


def _number(quantity: Quantity) -> dict[str, Any]:
    if quantity.kind == "register":
        return {"type": "integer", "minimum": 0, "maximum": quantity.largest}
    return {"type": "number", "minimum": -quantity.largest, "maximum": quantity.largest}


READING: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["measured_at"],
    "additionalProperties": False,
    "description": (
        "Names that devices use are understood too, with exact conversion: `energy_kwh`, "
        "`voltage_l1`, `power_total`, OBIS codes such as `1-0:1.8.0`, and "
        "`{device_id, timestamp, metric, value, extra}`. What could be in two units is refused."
    ),
    "properties": {
        "measured_at": {
            "type": "string",
            "format": "date-time",
            "description": (
                "With an offset, like 2026-01-31T23:59:00-03:00; or `unix` (seconds) or `unix_ms` "
                "instead. Without offset, as a bare number or left out only where the device key "
                "declares it."
            ),
        },
        "meter": {
            "type": "string",
            "description": "Serial number or id. May be left out when the key has one meter.",
        },
        **{
            quantity.name: {**_number(quantity), "description": f"In {quantity.unit}."}
            for quantity in QUANTITIES
        },
        "extra": {
            "type": "object",
            "description": "Anything else: text, numbers, true, false.",
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        },
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
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {"$ref": "#/components/schemas/IngestReading"},
                        {"type": "array", "items": {"$ref": "#/components/schemas/IngestReading"}},
                    ]
                },
                "example": {
                    "meter": "SN-1",
                    "measured_at": "2026-01-31T23:59:00-03:00",
                    "energy_import_wh": 123456,
                    "power_w": 812.5,
                },
            }
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


def document_ingest(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: the lane's operation, its schemas and its kind of key."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(IngestReading=READING, IngestAnswer=ANSWER)
    components.setdefault("securitySchemes", {})["deviceKey"] = {
        "type": "http",
        "scheme": "bearer",
        "description": "A device key (`plsk_…`). It is shown once, when it is made or rotated.",
    }
    result["paths"][PATH] = {"post": OPERATION}
    result["paths"] = dict(sorted(result["paths"].items()))
    return result
