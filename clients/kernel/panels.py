"""What an app above adds to a page below: tabs, cards, figures and lines of the timeline.

A place is a model (its detail page) or `HOME`. An app registers when its admin is imported.

    @panel(Client, "faturas", title=_("Invoices"), template="billing/panels/list.html", order=20)
    def invoices(request, client): ...  # -> {"invoices": ...}
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from clients.kernel.permissions import may

HOME: Final = "home"
STEADY: Final = 0.005
Place = type | str
Context = Callable[..., dict[str, Any]]
Words = Any  # str or a lazy translation; django-stubs types gettext_lazy as its proxy


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a page: a tab, fetched when first shown, or a card that is there at once."""

    slug: str
    context: Context
    template: str
    order: int
    title: Words = ""
    permission: str = ""
    count: Callable[[Any], int | None] | None = None
    side: bool = False

    def render(self, request: HttpRequest, subject: Any) -> SafeString:
        context = {"subject": subject, "panel": self, **self.context(request, subject)}
        return render_to_string(self.template, context, request)


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that answers a question. `change` is a share; `better` says if it is good news."""

    name: str
    value: str
    note: str = ""
    link: str = ""
    change: float | None = None
    change_note: str = ""
    better: bool | None = None
    share: float | None = None

    @property
    def is_steady(self) -> bool:
        """Whether the change is too small to be written."""
        return self.size < STEADY

    @property
    def size(self) -> float:
        """How much it changed, whichever way."""
        return abs(self.change or 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened, for a timeline."""

    at: datetime
    icon: str
    text: str
    who: str = ""
    link: str = ""
    kind: str = ""


Figures = Callable[[HttpRequest, Any], Iterable[Figure]]
Entries = Callable[[Any, int], Iterable[Entry]]
_panels: dict[Place, list[Panel]] = defaultdict(list)
_cards: dict[Place, list[Panel]] = defaultdict(list)
_figures: dict[Place, list[tuple[int, str, Figures]]] = defaultdict(list)
_timelines: dict[Place, list[tuple[str, Entries]]] = defaultdict(list)


def panel(place: Place, slug: str, **how: Any) -> Callable[[Context], Context]:
    """Add a tab; `how` are Panel's fields. The function takes request and object."""
    return _adding(_panels[place], slug, how)


def card(place: Place, slug: str, **how: Any) -> Callable[[Context], Context]:
    """Add a card to the first view of a page; `side=True` puts it in the narrow column."""
    return _adding(_cards[place], slug, how)


def _adding(parts: list[Panel], slug: str, how: Any) -> Callable[[Context], Context]:
    def register(context: Context) -> Context:
        parts.append(Panel(slug=slug, context=context, **how))
        return context

    return register


def figures(place: Place, *, order: int, permission: str = "") -> Callable[[Figures], Figures]:
    """Add figures to the strip of a page."""

    def register(function: Figures) -> Figures:
        _figures[place].append((order, permission, function))
        return function

    return register


def timeline(place: Place, *, permission: str = "") -> Callable[[Entries], Entries]:
    """Add a source of entries: takes the object and a limit, returns the newest ones."""

    def register(function: Entries) -> Entries:
        _timelines[place].append((permission, function))
        return function

    return register


def panels_of(place: Place) -> list[Panel]:
    return _allowed(_panels[place])


def cards_of(place: Place) -> list[Panel]:
    return _allowed(_cards[place])


def _allowed(parts: list[Panel]) -> list[Panel]:
    return sorted((part for part in parts if may(part.permission)), key=lambda part: part.order)


def figures_of(place: Place, request: HttpRequest, subject: Any = None) -> list[Figure]:
    chosen = sorted((f for f in _figures[place] if may(f[1])), key=lambda f: f[0])
    return [figure for _, _, function in chosen for figure in function(request, subject)]


def timeline_of(place: Place, subject: Any, limit: int = 8) -> list[Entry]:
    sources = [source for permission, source in _timelines[place] if may(permission)]
    found = [entry for source in sources for entry in source(subject, limit)]
    return sorted(found, key=lambda entry: entry.at, reverse=True)[:limit]
