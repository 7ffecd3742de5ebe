"""Text from an operator's template: allow-listed names are replaced, nothing is ever executed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from messaging.errors import TextTooLong, UnknownVariable

LONGEST_TEXT = 16_000
# Both ways of writing that people know: {name} and {{ name }}. Anything else in braces is refused.
_VARIABLE = re.compile(r"\{\{ ?(?P<twice>\w{1,40}) ?\}\}|\{(?P<once>\w{1,40})\}")
_BRACES = re.compile(r"[{}]")
# Characters that would turn or hide parts of what people read.
_INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def variables_in(text: str) -> list[str]:
    """The names that the text uses, each once, in order of appearance."""
    found = (match["twice"] or match["once"] for match in _VARIABLE.finditer(text))
    return list(dict.fromkeys(found))


def check_text(text: str, allowed: Collection[str]) -> None:
    """Raise UnknownVariable unless every brace encloses an allowed name."""
    if len(text) > LONGEST_TEXT:
        raise TextTooLong(_("A text may have at most 16,000 characters."))
    unknown = [name for name in variables_in(text) if name not in allowed]
    if not unknown and _BRACES.search(_VARIABLE.sub("", text)):
        unknown = ["{ }"]
    if unknown:
        raise UnknownVariable(
            _("%(unknown)s cannot be filled in here. These can: %(allowed)s.")
            % {"unknown": ", ".join(unknown), "allowed": ", ".join(sorted(allowed))}
        )


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables replaced, once: a value that looks like a variable stays.

    A name without a value stays visible. Raises TextTooLong above 16,000 characters.
    """

    def value(match: re.Match[str]) -> str:
        name = match["twice"] or match["once"]
        return _INVISIBLE.sub("", str(values[name])) if name in values else match[0]

    filled = _VARIABLE.sub(value, text)
    if len(filled) > LONGEST_TEXT:
        raise TextTooLong(_("A text may have at most 16,000 characters."))
    return filled


def html_of(body: str, *, subject: str, company: str, language: str) -> str:
    """The text as a simple, escaped HTML letter; web addresses become links."""
    paragraphs = [part for part in re.split(r"\n\s*\n", body.strip()) if part]
    return render_to_string(
        "messaging/letter.html",
        {"paragraphs": paragraphs, "subject": subject, "company": company, "language": language},
    )
