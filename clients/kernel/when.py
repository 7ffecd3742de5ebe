"""How days and instants look to people, in Portuguese and in English."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clients.kernel.show import NBSP, language, measure

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
MONTHS: Final = {
    "pt": "janeiro fevereiro março abril maio junho "
    "julho agosto setembro outubro novembro dezembro",
    "en": "January February March April May June July August September October November December",
}
WEEKDAYS: Final = {"pt": "seg ter qua qui sex sáb dom", "en": "Mon Tue Wed Thu Fri Sat Sun"}


def _month_name(value: date) -> str:
    return MONTHS[language()].split()[value.month - 1]


def day(value: date, today: date | None = None) -> str:
    """`25 nov`, with the year when it is not this one."""
    short = f"{value.day}{NBSP}{_month_name(value)[:3]}"
    is_this_year = value.year == (today or timezone.localdate()).year
    return short if is_this_year else f"{short}{NBSP}{value.year}"


def weekday(value: date, today: date | None = None) -> str:
    """`qua, 25 nov`."""
    return f"{WEEKDAYS[language()].split()[value.weekday()]}, {day(value, today)}"


def long_day(value: date) -> str:
    """`1º de dezembro`, for sentences."""
    if language() == "en":
        return f"{value.day} {_month_name(value)}"
    return f"{'1º' if value.day == 1 else value.day} de {_month_name(value)}"


def paper_day(value: date) -> str:
    """`25/11/2026` for forms and papers; in English `25 Nov 2026`, which nobody can misread."""
    if language() == "pt":
        return f"{value:%d/%m/%Y}"
    return f"{value.day} {_month_name(value)[:3]} {value.year}"


def month(value: date) -> str:
    """`nov 2026`."""
    return f"{_month_name(value)[:3]}{NBSP}{value.year}"


def long_month(value: date) -> str:
    """`novembro`, for sentences and titles."""
    return _month_name(value)


def clock(value: datetime, zone: tzinfo | None = None) -> str:
    """`14:05`."""
    return f"{timezone.localtime(value, zone):%H:%M}"


def span(start: datetime, end: datetime, zone: tzinfo | None = None) -> str:
    """`11:20 às 13:05`."""
    return _("%(start)s to %(end)s") % {"start": clock(start, zone), "end": clock(end, zone)}


def stretch(start: datetime, end: datetime, zone: tzinfo | None = None) -> str:
    """`24 nov, 00:00 – 25 nov, 14:00`; the day once when it is one: `18 nov, 10:00 – 11:00`."""
    first, last = timezone.localtime(start, zone), timezone.localtime(end, zone)
    until = "" if first.date() == last.date() else f"{day(last.date())}, "
    return f"{day(first.date())}, {first:%H:%M} – {until}{last:%H:%M}"


def moment(value: datetime, zone: tzinfo | None = None, now: datetime | None = None) -> str:
    """The time alone when it is today, else the day too: `14:05`, `25 nov, 14:05`."""
    local, today = timezone.localtime(value, zone), timezone.localtime(now, zone).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    return f"{day(local.date(), today)}, {local:%H:%M}"


def brief(value: datetime, now: datetime | None = None) -> str:
    """`14:05` today, `25 nov` before."""
    local, today = timezone.localtime(value), timezone.localtime(now).date()
    return f"{local:%H:%M}" if local.date() == today else day(local.date(), today)


def duration(value: timedelta) -> str:
    """`1 h 45 min`, `3 dias`; seconds only below a minute."""
    if value < MINUTE:
        return measure(value // timedelta(seconds=1), "s")
    if value >= 3 * DAY:
        return ngettext("%(n)d day", "%(n)d days", value.days) % {"n": value.days}
    hours, rest = divmod(value, HOUR)
    parts = [(hours, "h"), (rest // MINUTE, "min")]
    return " ".join(measure(n, unit) for n, unit in parts if n)


def ago(value: datetime, now: datetime | None = None) -> str:
    """`agora`, `há 15 min`, `ontem`, `há 3 dias`; after seven days the day itself."""
    now = now or timezone.now()
    age = now - value
    if age < MINUTE:
        return _("now")
    if age < DAY:
        unit = measure(age // HOUR, "h") if age >= HOUR else measure(age // MINUTE, "min")
        return _("%(time)s ago") % {"time": unit}
    today, then = timezone.localtime(now).date(), timezone.localtime(value).date()
    days = (today - then).days
    if days == 1:
        return _("yesterday")
    if age <= WEEK:
        return ngettext("%(n)d day ago", "%(n)d days ago", days) % {"n": days}
    return day(then, today)


def due(value: date, today: date | None = None) -> str:
    """`vence em 3 dias`, `vence hoje`, `venceu ontem`, `venceu há 2 dias`."""
    days = (value - (today or timezone.localdate())).days
    near = {0: _("due today"), 1: _("due tomorrow"), -1: _("was due yesterday")}
    if days in near:
        return near[days]
    if days > 0:
        return ngettext("due in %(n)d day", "due in %(n)d days", days) % {"n": days}
    return ngettext("was due %(n)d day ago", "was due %(n)d days ago", -days) % {"n": -days}
