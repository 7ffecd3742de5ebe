"""The one coloured mark of a row: word, shape and colour say the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True)
class Look:
    """`kind` is the colour (good, warn, bad, info, plain), `icon` the shape."""

    kind: str
    icon: str


PLAIN: Final = Look("plain", "circle")

# One dictionary for all apps: a word looks the same everywhere. An app adds its own with `look`.
LOOKS: Final[dict[str, Look]] = {
    "active": Look("good", "check_circle"),
    "paused": Look("plain", "pause_circle"),
    "suspended": Look("plain", "pause_circle"),
    "left": Look("plain", "logout"),
    "closed": Look("plain", "logout"),
    "draft": Look("plain", "edit_note"),
    "queued": Look("plain", "schedule"),
    "running": Look("info", "progress_activity"),
    "done": Look("good", "check_circle"),
    "failed": Look("bad", "error"),
    "critical": Look("bad", "error"),
    "warning": Look("warn", "warning"),
    "info": Look("info", "info"),
    "none": Look("plain", "remove"),
}


def look(code: str, kind: str, icon: str) -> None:
    """Say how the state `code` looks."""
    LOOKS[code] = Look(kind, icon)


def chip(code: str, text: object, *, quiet: bool = False) -> SafeString:
    """The state as a chip; `quiet` for a secondary state (icon and word, no colour behind)."""
    shown = LOOKS.get(code, PLAIN)
    return format_html(
        '<span class="p-chip is-{}{}"><span class="material-symbols-outlined" aria-hidden="true">'
        "{}</span>{}</span>",
        shown.kind,
        " is-quiet" if quiet else "",
        shown.icon,
        text,
    )
