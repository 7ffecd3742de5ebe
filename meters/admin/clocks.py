"""How pages say that a meter's clock is not right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clients.kernel import when
from clients.kernel.chips import look
from meters.models import Handling, Meter, Quarantine
from meters.selectors.clocks import Clock, clocks_of

look("ahead", "warn", "schedule")
look("behind", "warn", "schedule")
look("wrong", "bad", "schedule")


@dataclass(frozen=True, slots=True)
class ClockWords:
    """A clock that is not right, as a chip says it."""

    state: str
    words: str
    clock: Clock


def clock_words(meter: Meter, now: datetime) -> ClockWords | None:
    """What to say about the meter's clock; None when it is right, or nothing is known of it."""
    clock = clocks_of([meter.pk], now).get(meter.pk)
    if clock is None or clock.state == "right":
        return None
    far = when.duration(timedelta(seconds=abs(round(clock.skew_s or 0))))
    if clock.state == "wrong":
        return ClockWords(clock.state, _wrong(meter), clock)
    texts = {"ahead": _("Clock %(far)s ahead"), "behind": _("Readings arrive %(far)s late")}
    return ClockWords(clock.state, texts[clock.state] % {"far": far}, clock)


def _wrong(meter: Meter) -> str:
    """With how many readings wait because of it, as the home page counts them."""
    count = Quarantine.objects.filter(meter=meter, status=Handling.WAITING).count()
    if not count:
        return _("Impossible clock")
    said = ngettext("Impossible clock (%(n)d waits)", "Impossible clock (%(n)d wait)", count)
    return said % {"n": count}
