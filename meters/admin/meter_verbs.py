"""What can be done with a meter: put it up, exchange it, take it down, say what it used."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant

from clients.kernel.tenancy import actor_label
from clients.kernel.verbs import verb
from meters.admin.dialogs import (
    EstimateDialog,
    ExchangeDialog,
    FillInDialog,
    InstallDialog,
    MultiplierDialog,
    RemoveDialog,
)
from meters.admin.register_field import written
from meters.models import Meter
from meters.services.editing import edit_interval, estimate_gap
from meters.services.installations import (
    change_multiplier,
    exchange_meter,
    install_meter,
    remove_meter,
)


def with_reading(done: str, register: int | None, unit: str) -> str:
    """The sentence, and how the typed reading was understood."""
    if register is None:
        return done
    reading = _("Reading: %(reading)s.") % {"reading": written(register, unit)}
    return f"{done} {reading}"


class MeterVerbs:
    """Verbs of the meter's page, most of them about its place and its use."""

    @verb(
        gettext_lazy("Install"),
        icon="add_location_alt",
        title=gettext_lazy("Install this meter"),
        text=gettext_lazy("From then on its readings count for the place."),
        submit=gettext_lazy("Install"),
        form=InstallDialog,
        variant=ActionVariant.PRIMARY,
    )
    def install(self, request: HttpRequest, form: Any, meter: Meter) -> str:
        filled = form.cleaned_data
        point, register = filled["metering_point"], filled["start_register"]
        install_meter(
            meter,
            point,
            at=filled["since"],
            start_register=register,
            multiplier=filled["multiplier"],
        )
        done = _("%(meter)s measures %(place)s now.") % {"meter": meter, "place": point}
        return with_reading(done, register, form.unit)

    @verb(
        gettext_lazy("Exchange meter"),
        icon="swap_horiz",
        title=gettext_lazy("Exchange meter"),
        text=gettext_lazy(
            "Note the last reading of the old meter and the first of the new one; nothing is lost."
        ),
        submit=gettext_lazy("Exchange"),
        form=ExchangeDialog,
        variant=ActionVariant.PRIMARY,
    )
    def exchange(self, request: HttpRequest, form: Any, meter: Any) -> str:
        filled = form.cleaned_data
        exchange_meter(
            meter.serving[0].metering_point,
            filled["new_meter"],
            at=filled["since"],
            end_register=filled["end_register"],
            start_register=filled["start_register"],
            multiplier=filled["multiplier"],
            author=actor_label(),
        )
        done = _("%(meter)s took over.") % {"meter": filled["new_meter"]}
        return with_reading(done, filled["start_register"], form.unit)

    @verb(
        gettext_lazy("Take down"),
        icon="sensors_off",
        title=gettext_lazy("Take this meter down?"),
        text=gettext_lazy("From then on its readings no longer count for the place."),
        submit=gettext_lazy("Take down"),
        form=RemoveDialog,
    )
    def take_down(self, request: HttpRequest, form: Any, meter: Any) -> str:
        filled = form.cleaned_data
        remove_meter(meter.serving[0], at=filled["since"], end_register=filled["end_register"])
        done = _("%(meter)s serves no place any more.") % {"meter": meter}
        return with_reading(done, filled["end_register"], form.unit)

    @verb(
        gettext_lazy("Change the multiplier"),
        icon="close",
        title=gettext_lazy("Other transformers"),
        text=gettext_lazy("Before and after, each stretch keeps the multiplier it had."),
        submit=gettext_lazy("Change"),
        form=MultiplierDialog,
    )
    def change_multiplier(self, request: HttpRequest, form: Any, meter: Any) -> str:
        filled = form.cleaned_data
        change_multiplier(
            meter.serving[0],
            filled["multiplier"],
            at=filled["since"],
            register=filled["register"],
            author=actor_label(),
        )
        return _("The multiplier is changed; use is computed again.")

    @verb(
        gettext_lazy("Type what was used"),
        icon="edit",
        title=gettext_lazy("Type what was used"),
        text=gettext_lazy(
            "It stands above the readings, spread evenly, with your name and reason. You can take "
            "it back."
        ),
        submit=gettext_lazy("Keep it"),
        form=FillInDialog,
    )
    def fill_in(self, request: HttpRequest, form: Any, meter: Any) -> str:
        filled = form.cleaned_data
        edit_interval(
            meter,
            filled["period"],
            filled["amount"],
            reason=filled["reason"],
            author=actor_label(),
        )
        return _("Kept; use is computed again within a minute.")

    @verb(
        gettext_lazy("Estimate a gap"),
        icon="query_stats",
        title=gettext_lazy("Estimate a gap"),
        text=gettext_lazy("Only what is not known is filled; readings that come late replace it."),
        submit=gettext_lazy("Estimate"),
        form=EstimateDialog,
    )
    def estimate(self, request: HttpRequest, form: Any, meter: Any) -> str:
        filled = form.cleaned_data
        estimate_gap(
            meter, filled["period"], filled["method"], author=actor_label(), reason=filled["reason"]
        )
        return _("Estimated; it is marked as such wherever it is shown.")
