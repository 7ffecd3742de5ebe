"""JSON in and out, by orjson: NaN, infinities and deep nesting are refused when parsed."""

from __future__ import annotations

import json
from typing import Any

import orjson
from django.core.exceptions import RequestDataTooBig
from django.utils.encoding import force_str
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

MAX_BODY_BYTES = 2_000_000
OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def dump(data: Any) -> bytes:
    """`data` as JSON. Decimals and lazy texts become strings."""
    return orjson.dumps(data, default=force_str, option=OPTIONS)


class JsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None
    ) -> bytes:
        return b"" if data is None else dump(data)


class JsonParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise RequestDataTooBig
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"This is not JSON: {error}.", code="malformed_json") from error
        refuse_repeated_names(body)
        return parsed


def refuse_repeated_names(body: bytes) -> None:
    """Raises ParseError for an object that says a name twice: which of the two was meant?"""
    try:
        json.loads(body, object_pairs_hook=_once)
    except RecursionError as error:  # orjson goes a little deeper
        raise ParseError(_("This JSON is nested too deeply."), code="malformed_json") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) != len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        sentence = _("“%(name)s” is here twice; send it once.") % {"name": twice[:80]}
        raise ParseError(sentence, code="repeated_name")
    return said
