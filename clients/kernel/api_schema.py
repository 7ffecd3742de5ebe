"""What the OpenAPI document says about every operation: its errors and its common headers."""

from __future__ import annotations

import re
from typing import Any

INTRODUCTION = """
**Sign in.** `POST /api/v1/auth/token` with e-mail and password answers a short-lived access token
and a refresh token; send `Authorization: Bearer <access>`. A person of several companies says which
with `X-Tenant-ID`. Devices use a device key instead, and only at `/api/v1/ingest`.

**Errors** are always `{"code", "detail"}`: the code is for programs and stable, the detail is a
sentence in the language of `Accept-Language`. Something that belongs to another company is answered
exactly as something that does not exist. A refused request has changed nothing.

**Lists** come in pages: ask again with `cursor` = `next_cursor`, until that is null.

**Repeat safely.** A POST with an `Idempotency-Key` has one effect, however often it is sent.

**Units** are in the names: `energy_wh`, `power_w`, `amount_cents`. Instants have an offset; periods
include their start and exclude their end.
"""
PEOPLE = {"bearer", "session"}  # the ways in which people sign in
LOCAL_TIME = r"^\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$"
SAID_TWICE = re.compile(r"^\* `(.*)` - \1\n?", re.MULTILINE)  # a choice that is its own label
METHODS = ("get", "post", "patch", "put", "delete")
ONE_ERROR = {
    "type": "object",
    "required": ["code", "detail"],
    "properties": {"code": {"type": "string"}, "detail": {"type": "string"}},
}
ERROR = {
    **ONE_ERROR,
    "properties": {
        "code": {"type": "string", "description": "For programs; snake_case, stable."},
        "detail": {"type": "string", "description": "For people, in their language."},
        "fields": {
            "type": "object",
            "description": "What is wrong where; keys are dotted paths in the body.",
            "additionalProperties": {"type": "array", "items": ONE_ERROR},
        },
    },
}
REFERENCE = {"schema": {"$ref": "#/components/schemas/Error"}}
REFUSED = {
    "description": "Refused; nothing was changed.",
    "content": {"application/json": REFERENCE},
}
TENANT_HEADER = {
    "name": "X-Tenant-ID",
    "in": "header",
    "description": "Which of the user's companies; needed when there are several.",
    "schema": {"type": "string", "format": "uuid"},
}
KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Repeating the request with the same key has no second effect.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def plain_shapes(result: Any, **_: Any) -> Any:
    """Postprocessing hook: choices stay where they are used, since names made up for them would
    change with every new one and with the language; and times of day have no offset."""
    if isinstance(result, dict):
        result.pop("x-spec-enum-id", None)
        if isinstance(said := result.get("description"), str):
            result["description"] = SAID_TWICE.sub("", said).rstrip()
        if result.get("format") == "time":
            result.pop("format")
            result["pattern"] = LOCAL_TIME
    inner = result.values() if isinstance(result, dict) else result
    for each in inner if isinstance(result, dict | list) else ():
        plain_shapes(each)
    return result


def document_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: a 4XX answer on each operation, and the headers it understands."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR
    for item in result["paths"].values():
        for method in METHODS:
            if method in item:
                _complete(item[method], method)
    return result


def _complete(operation: dict[str, Any], method: str) -> None:
    operation["responses"].setdefault("4XX", REFUSED)
    security = operation.get("security", [])
    if {} in security or not any(PEOPLE & set(way) for way in security):
        return  # open to visitors, or for machines: neither has a tenant to choose
    # One of them is enough; in one object they would all be needed.
    operation["security"] = [{name: needs} for way in security for name, needs in way.items()]
    parameters = operation.setdefault("parameters", [])
    parameters.append(TENANT_HEADER)
    if method == "post":
        parameters.append(KEY_HEADER)
