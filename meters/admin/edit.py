"""What people filled in: who, why, how much, and the way back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from clients.kernel import when
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip
from clients.kernel.tenancy import actor_label
from clients.kernel.verbs import verb
from meters.models import Edit
from meters.models.interval import ML_PER_L, WS_PER_WH
from meters.selectors.register_events import measure
from meters.services.validation.decisions import take_back_edit


@office_page(Edit)
class EditAdmin(TenantAdmin):
    list_display = ("subject", "what", "stretch", "amount", "situation")
    list_filter = [("kind", ChoicesDropdownFilter)]
    list_select_related = ("meter",)
    search_fields = ("meter__serial", "reason", "author")
    search_help_text = gettext_lazy("Serial number, reason or person")
    fields = ("subject", "what", "stretch", "amount", "reason", "author", "situation")
    readonly_fields = fields
    actions_detail = ("undo",)
    settings_icon = "edit"
    settings_text = gettext_lazy("Quarter-hours that people typed or had estimated")
    empty_icon = "task_alt"
    empty_title = gettext_lazy("Nothing was filled in")
    empty_text = gettext_lazy("All use comes from what meters said.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Edit]:
        edits: QuerySet[Edit] = super().get_queryset(request)
        return edits.select_related("meter")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        row = self.get_object(request, str(object_id))
        found: list[Any] = super().get_actions_detail(request, object_id)
        return found if row and row.undone_at is None else []

    @display(description=gettext_lazy("Meter"), ordering="meter__serial")
    def subject(self, edit: Edit) -> str:
        return str(edit.meter)

    @display(description=gettext_lazy("What"), ordering="kind")
    def what(self, edit: Edit) -> str:
        return str(edit.get_kind_display())

    @display(description=gettext_lazy("When"), ordering="starts_at")
    def stretch(self, edit: Edit) -> str:
        return when.stretch(edit.starts_at, edit.ends_at)

    @display(description=gettext_lazy("Amount"))
    def amount(self, edit: Edit) -> str:
        return edited(edit)

    @display(description=gettext_lazy("Situation"), ordering="undone_at")
    def situation(self, edit: Edit) -> str:
        if edit.undone_at is None:
            return chip("active", _("Counts"))
        words = _("Taken back by %(who)s") % {"who": edit.undone_by}
        return chip("closed", words if edit.undone_by else _("Taken back"))

    @verb(
        gettext_lazy("Take it back"),
        icon="undo",
        title=gettext_lazy("Take it back?"),
        text=gettext_lazy(
            "What the readings say stands again; use is computed again. A suspicion that was "
            "answered by it waits again."
        ),
        submit=gettext_lazy("Take it back"),
    )
    def undo(self, request: HttpRequest, form: Any, edit: Edit) -> str:
        waiting = take_back_edit(edit, author=actor_label(), now=timezone.now())
        if waiting:
            return _("Taken back; the readings count again and the suspicion waits for you.")
        return _("Taken back; use is computed again.")


def edited(edit: Edit) -> str:
    """The amount that was filled in, with its unit."""
    is_volume = edit.column == "volume_ml"
    register, per_unit = ("volume_l", ML_PER_L) if is_volume else ("energy_import_wh", WS_PER_WH)
    return measure(register, Decimal(sum(edit.values)) / per_unit)
