"""Values in templates: `{{ invoice.total_cents|money }}`, `{{ meter.last_seen_at|ago }}`."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from clients.kernel import people, show, when
from clients.kernel.chips import chip

register = template.Library()
VALUES = {
    show: "energy measure money number percent power volume",
    when: "ago brief clock day due duration long_day long_month moment month paper_day weekday",
    people: "document initials masked_document phone whatsapp",
}
for module, names in VALUES.items():
    for name in names.split():
        register.filter(name, getattr(module, name))
register.simple_tag(chip)


@register.filter
def exact_energy(wh: int) -> str:
    return show.energy(wh, exact=True)


@register.filter
def digits(value: Decimal, most: int) -> str:
    """The figures after the comma that there are, at most so many: `1`, `612,345`."""
    exact = Decimal(value).normalize()
    return show.number(exact, min(max(0, -int(exact.as_tuple().exponent)), most))


@register.filter
def price(value: Decimal, currency: str) -> str:
    """A unit price with all its digits, and never fewer than two: `R$ 0,91847`."""
    return show.price(value, currency)


@register.filter
def css(share: float) -> str:
    """A share as a percentage for a style attribute, which knows no comma."""
    return f"{min(max(share, 0), 1) * 100:.2f}%"


@register.simple_tag
def icon(name: str) -> SafeString:
    """A symbol that says nothing to a screen reader; the word stands beside it."""
    return format_html('<span class="material-symbols-outlined" aria-hidden="true">{}</span>', name)


@register.simple_tag
def words() -> SafeString:
    """What scripts say, in the reader's language, for words.js and boot.js."""
    said: dict[str, Any] = {
        "add": _("Add"),
        "again": _("Try again"),
        "area": _("Scrollable area"),
        "close": _("Close"),
        "copied": _("Copied"),
        "copy": _("Copy"),
        "dark": _("Dark"),
        "energy": _("Consumption"),
        "expected": _("Expected"),
        "failed": _("This could not be loaded. Check the connection and try again."),
        "filters": _("Filters"),
        "home": _("Home"),
        "light": _("Light"),
        "list": _("List"),
        "live": _("live"),
        "menu": _("Show or hide the menu"),
        "menu_items": _("Main menu"),
        "more": _("More actions"),
        "new_rows": _("{n} new"),
        "no_data": _("no data"),
        "not_yet": _("not here yet"),
        "open": _("Open"),
        "pause": _("Pause"),
        "paused": _("paused"),
        "reconnecting": _("reconnecting"),
        "alarm_over": _("is normal again: {rule}"),
        "alarm_rang": _("rang: {rule}"),
        "has_read": _("read a message"),
        "paid_with": _("paid {money}"),
        "readings_came": _("{n} readings came"),
        "was_told": _("was sent a message"),
        "resume": _("Continue"),
        "search": _("Search"),
        "search_all": _("Search clients, invoices, meters"),
        "skip": _("Skip to the content"),
        "so_far": _("so far"),
        "system": _("System"),
        "thousands": _("{n}k"),
        "volume": _("Consumption"),
        "with_estimate": _("(partly estimated)"),
        "with_typed": _("(partly typed)"),
        "estimated": _("estimated"),
        "peak": _("peak {value} at {time}"),
        "this_period": _("This period"),
        "previous_period": _("The period before"),
        "voltage": _("Voltage"),
        "of_the_data": _("{share} of the data"),
        "hour_span": _("{from}h to {to}h"),
        "active_power": _("Active power"),
        "edited": _("typed by {who}"),
        "flow": _("Flow"),
        "at_least": _("At least"),
        "always_on": _("always on: {value}"),
        "of_the_time": _("{share} of the time"),
        "lowest": _("Lowest"),
        "highest": _("Highest"),
        "shown_span": _("{from} to {to}, {share} of the data"),
        "yes": _("yes"),
        "no": _("no"),
        "partly": _("in part"),
    }
    text = json.dumps(said, ensure_ascii=False).replace("<", "\\u003c")
    return mark_safe(f'<script id="p-words" type="application/json">{text}</script>')  # noqa: S308 - "<" is escaped
