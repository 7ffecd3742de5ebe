"""How the audit's page writes a value: money with its currency, instants in the tenant's time."""

from __future__ import annotations

from datetime import date, datetime

from django import template
from django.utils import timezone
from django.utils.translation import gettext as _

from clients.kernel import show, when
from monitoring.selectors.audit import Change

register = template.Library()


@register.filter
def was(change: Change) -> str | None:
    return written(change.field, change.before)


@register.filter
def became(change: Change) -> str | None:
    return written(change.field, change.after)


def written(field: str, text: str | None) -> str | None:
    """The value as people read it; the API keeps the exact text."""
    if not text:
        return None if text is None else "—"
    if field.endswith("_cents"):
        return show.money(int(text))
    if field.endswith(("_at", "_start", "_end", "_until")):
        return when.moment(timezone.localtime(datetime.fromisoformat(text)))
    if field.endswith("_on"):
        return when.paper_day(date.fromisoformat(text))
    return {"True": _("yes"), "False": _("no")}.get(text, text)
