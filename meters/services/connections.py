"""What a person does with a connection: test it, pause it, take it up again, understand it."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from django.db import connections
from django.db.models.functions import Now
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clients.kernel import show
from clients.kernel.errors import Permanent, Retryable
from clients.kernel.tenancy import acting_for, current_tenant_id
from meters.drivers import DRIVERS
from meters.drivers.base import Doubt, Driver, Target, Unreachable
from meters.drivers.diagnosis import Suggestion, diagnose
from meters.drivers.modbus import Modbus
from meters.drivers.profiles import EXTRA, GENERIC, all_profiles
from meters.drivers.tuya_map import point_maps
from meters.errors import BusBusy, NotPolled
from meters.models import Connection, ConnectionState, Meter
from meters.models.connection_words import COMPLAINTS
from meters.models.quantity_words import label
from meters.services.claims import Claimed, abandon, claim_one, release
from meters.services.outcomes import code_of

LONGEST_WAIT_S: Final = 12.0
WAIT_STEP_S: Final = 0.25
LONGEST_TEST_S: Final = 20.0

SENTENCES: Final = {
    **COMPLAINTS,
    "unreachable": gettext_lazy("No answer: check address, unit number, wiring and power."),
    "bad_reply": gettext_lazy("The answer cannot be understood."),
    "other_answer": gettext_lazy("The device answered something else than was asked."),
    "not_modbus": gettext_lazy("What answers there does not speak Modbus TCP; try RTU over TCP."),
    "illegal_function": gettext_lazy(
        "The device refuses this kind of question: the profile is probably another model's."
    ),
    "illegal_address": gettext_lazy(
        "The device has no such registers: the profile is probably another model's."
    ),
    "illegal_value": gettext_lazy("The device refuses so many registers at once."),
    "device_failure": gettext_lazy("The device reports a failure of its own."),
    "device_busy": gettext_lazy("The device is busy."),
    "device_refused": gettext_lazy("The device refused."),
    "wrong_map": gettext_lazy("The values cannot be a meter's: the profile does not fit."),
    "doubtful": gettext_lazy("A value cannot be and was left out."),
    "no_address": gettext_lazy("Host or port is missing."),
    "address_refused": gettext_lazy("This address is not open to drivers; see POLL_NETWORKS."),
    "port_refused": gettext_lazy("This serial port is not open to drivers; see POLL_SERIAL_PORTS."),
    "no_profile": gettext_lazy("There is no such profile."),
    "bad_options": gettext_lazy("The driver's options cannot be understood."),
    "bad_value": gettext_lazy("A value was refused."),
    "bad_target": gettext_lazy("The settings of the connection cannot work."),
}
OTHER_FRAMING: Final = {
    "tcp": gettext_lazy("It answers when asked by Modbus TCP; change the transport to TCP."),
    "rtu_over_tcp": gettext_lazy(
        "It answers when asked by RTU over TCP; change the transport to that."
    ),
}
FAILED: Final = gettext_lazy("Something unexpected went wrong; it is in the log.")
RULES: Final = {
    "bounds": gettext_lazy("it lies outside what is possible"),
    "more_than_apparent": gettext_lazy("it is more than volts times amperes"),
    "not_v_i_pf": gettext_lazy("it is not volts times amperes times power factor"),
    "not_the_sum": gettext_lazy("it is not the sum of the phases"),
    "no_such_registers": gettext_lazy("the device has no such registers"),
    "refused_function": gettext_lazy("the device refuses the way in which this profile asks"),
    "refused_length": gettext_lazy("the device refuses so many registers at once"),
    "all_zero": gettext_lazy("every register is zero"),
    "silent": gettext_lazy("the device says nothing"),
}
# Rules about the device as a whole, not about one of its values.
OF_THE_DEVICE: Final = frozenset(
    {"no_such_registers", "refused_function", "refused_length", "all_zero", "silent"}
)


def sentence_of(code: str, facts: dict[str, Any]) -> str:
    """The error as a person reads it; empty when there is none."""
    if not code:
        return ""
    sentence = str(SENTENCES.get(code, FAILED))
    if rule := RULES.get(facts.get("rule", "")):
        return f"{sentence} {doubt_of(facts['quantity'], rule, facts.get('value'))}"
    return f"{sentence} {facts['said']}" if facts.get("said") else sentence


def doubt_of(quantity: str, rule: Any, value: float | None) -> str:
    """`Voltage L1 = 1.2e+15: it lies outside what is possible.`"""
    said = "" if value is None else f" = {show.any_number(value)}"
    return f"{label(quantity.removeprefix(EXTRA))}{said}: {rule}."


def doubts_in_words(doubts: Sequence[Doubt]) -> list[str]:
    """What cannot be, a sentence each."""
    return [
        f"{capfirst(str(RULES[d.rule]))}."
        if d.rule in OF_THE_DEVICE
        else doubt_of(d.quantity, RULES.get(d.rule, d.rule), d.value)
        for d in doubts
    ]


def profile_choices() -> list[tuple[str, str]]:
    """Every profile, and the one that a person spells out."""
    known = [(profile.name, profile.title) for profile in all_profiles()]
    return [*known, (GENERIC, str(_("Other: registers typed by hand")))]


# Titles of the maps that come with the program; the files name them in English.
MAP_TITLES: Final[dict[str, Any]] = {
    "din_meter": gettext_lazy("Meter on a DIN rail (category zndb, dlq)"),
    "din_meter_101": gettext_lazy("Meter on a DIN rail that says its totals from 101 on"),
    "plug": gettext_lazy("Plug with metering (category cz)"),
}


def map_choices() -> list[tuple[str, str]]:
    """What Tuya's data points may mean; those that no document names say so."""
    guessed = _("%(title)s (not verified)")
    titles = {name: MAP_TITLES.get(name, each.title) for name, each in point_maps().items()}
    return [
        (name, f"Tuya · {titles[name] if each.verified else guessed % {'title': titles[name]}}")
        for name, each in point_maps().items()
    ]


@dataclass(frozen=True, slots=True)
class Tested:
    """What a connection said when a person asked it."""

    is_good: bool
    took_s: float
    measured_at: datetime
    profile: str = ""
    values: tuple[tuple[str, float], ...] = ()
    doubts: tuple[str, ...] = ()
    error: str = ""
    error_code: str = ""
    marking: str = ""
    suggestions: tuple[Suggestion, ...] = ()


def test_connection(row: Connection) -> Tested:
    """Ask the device now, and when its answer cannot be, find a map that fits. Stores no reading.

    Waits for the bus, since a poller may be talking on it. Raises BusBusy and NotPolled.
    """
    if row.driver not in DRIVERS:
        raise NotPolled(_("This device speaks by itself; there is nobody to ask."))
    holder = f"{os.getpid()} {uuid.uuid4().hex[:12]}"
    with ThreadPoolExecutor(1, "test") as aside:
        try:
            claimed = aside.submit(_claimed, holder, row).result()
            try:
                tested = asyncio.run(_tested(claimed))
            finally:
                aside.submit(release, f"test {holder}", [claimed]).result()
        finally:
            aside.submit(connections.close_all).result()
    if tested.is_good and row.due_at is not None:
        Connection.objects.filter(pk=row.pk).update(due_at=Now(), failures=0)
    return tested


test_connection.__test__ = False  # type: ignore[attr-defined] # a service, not pytest's


def _claimed(holder: str, row: Connection) -> Claimed:
    """The connection with its bus, in transactions of its own: pollers must see the lease."""
    until = time.monotonic() + LONGEST_WAIT_S
    while (claimed := claim_one(holder, row)) is None:
        if time.monotonic() > until:
            abandon(holder, row)
            raise BusBusy(_("Somebody else is talking on this line; try again in a moment."))
        time.sleep(WAIT_STEP_S)
    return claimed


async def _tested(claimed: Claimed) -> Tested:
    begun = time.monotonic()
    line = DRIVERS[claimed.driver]()
    now = datetime.now(UTC)
    try:
        if isinstance(line, Modbus):
            async with asyncio.timeout(LONGEST_TEST_S):
                found = await diagnose(line, claimed.target)
            return Tested(
                is_good=not found.is_wrong,
                took_s=time.monotonic() - begun,
                measured_at=now,
                profile=found.title,
                values=tuple((name, float(value)) for name, value in found.values.items()),
                doubts=tuple(doubts_in_words(found.doubts)),
                marking=found.marking,
                suggestions=found.suggestions,
            )
        reply = await line.read(claimed.target)
        said = {**reply.values, **{n: v for n, v in reply.extra.items() if not isinstance(v, str)}}
        return Tested(
            is_good=True,
            took_s=time.monotonic() - begun,
            measured_at=reply.measured_at,
            values=tuple((name, float(value)) for name, value in said.items()),
            doubts=tuple(doubts_in_words(reply.doubts)),
        )
    except Unreachable as error:
        other = await _other_framing(line, claimed.target)
        sentence = str(OTHER_FRAMING[other]) if other else sentence_of(error.code, {})
        return Tested(
            is_good=False,
            took_s=time.monotonic() - begun,
            measured_at=now,
            error=sentence,
            error_code=f"speaks_{other}" if other else error.code,
        )
    except (Retryable, Permanent, TimeoutError) as error:
        code = "unreachable" if isinstance(error, TimeoutError) else code_of(error)
        return Tested(
            is_good=False,
            took_s=time.monotonic() - begun,
            measured_at=now,
            error=sentence_of(code, {"said": str(error)} if code == "bad_options" else {}),
            error_code=code,
        )
    finally:
        await line.close()


async def _other_framing(line: Driver, target: Target) -> str:
    """The framing in which a silent gateway does answer; empty when in none."""
    other = {"tcp": "rtu_over_tcp", "rtu_over_tcp": "tcp"}.get(target.transport)
    if other is None or not isinstance(line, Modbus):
        return ""
    try:
        async with asyncio.timeout(LONGEST_TEST_S):
            await diagnose(line, replace(target, transport=other))
    except (Retryable, Permanent, TimeoutError):
        return ""
    return other


def pause_connection(row: Connection) -> None:
    """Ask no more, until somebody resumes. Safe to call twice."""
    Connection.objects.filter(pk=row.pk).update(state=ConnectionState.PAUSED, due_at=None)


def resume_connection(row: Connection) -> None:
    """Ask again, beginning now. Safe to call twice."""
    paused = Connection.objects.filter(pk=row.pk, state=ConnectionState.PAUSED)
    paused.update(
        state=ConnectionState.NEW, failures=0, last_error="", error_facts={}, due_at=Now()
    )


def adopt_profile(
    row: Connection, profile: str, *, word_order: str = "", byte_order: str = ""
) -> None:
    """Read the device with another map from now on."""
    orders = {"word_order": word_order, "byte_order": byte_order}
    others = {name: value for name, value in row.options.items() if name not in orders}
    row.profile = profile
    row.options = others | {name: value for name, value in orders.items() if value}
    row.clean()
    row.save(update_fields=["profile", "options"])
    ask_soon(row)


def ask_soon(row: Connection) -> None:
    """After a change: what was wrong with the old settings says nothing of the new ones."""
    running = Connection.objects.filter(pk=row.pk).exclude(state=ConnectionState.PAUSED)
    due_at = Now() if row.driver in DRIVERS else None
    running.update(failures=0, last_error="", error_facts={}, due_at=due_at)


SIMULATED_SAMPLE_S: Final = 60  # they are asked every 30 s


def connect_places(tenant_id: int, places: Sequence[dict[str, Any]]) -> int:
    """Enter simulated meters with their connections for a tenant. Safe to call twice."""
    with acting_for(tenant_id):
        for place in places:
            meter, _made = Meter.objects.get_or_create(
                serial=place["serial"],
                defaults={
                    "tenant_id": current_tenant_id(),
                    "model": place["profile"][:80],
                    "sample_seconds": SIMULATED_SAMPLE_S,
                },
            )
            names = ("profile", "transport", "host", "port", "unit_id", "address")
            Connection.objects.update_or_create(
                meter=meter,
                driver=place["driver"],
                defaults={
                    "tenant_id": current_tenant_id(),
                    **{name: place[name] for name in names if place[name]},
                },
            )
    return len(places)
