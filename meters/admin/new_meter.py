"""A new meter, and at once where it is put up."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from clients.kernel.forms import MomentField, TenantForm
from meters.admin.dialogs import MULTIPLIER, free_points, place_in_words
from meters.admin.register_field import RegisterField
from meters.models import Installation, Meter, MeteringPoint

PLACED = (
    gettext_lazy("Where it is installed"),
    {"fields": ["metering_point", ("since", "start_register"), "multiplier"]},
)


class NewMeterForm(TenantForm):
    """A meter, and the place that it serves from the first day on; without a place it is kept."""

    metering_point = forms.ModelChoiceField(
        label=gettext_lazy("Place"),
        queryset=MeteringPoint.objects.none(),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Empty: it is kept, and installed later."),
    )
    since = MomentField(label=gettext_lazy("Since"))
    start_register = RegisterField(label=gettext_lazy("First reading (kWh or m³)"))
    multiplier = forms.DecimalField(label=gettext_lazy("Multiplier"), required=False, **MULTIPLIER)

    class Meta:
        model = Meter
        fields = "__all__"  # the page names them

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        field: Any = self.fields["metering_point"]
        field.queryset = free_points()
        field.label_from_instance = place_in_words

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        point, since = said.get("metering_point"), said.get("since")
        if point and since:
            later = Q(ends_at__isnull=True) | Q(ends_at__gt=since)
            if Installation.objects.filter(later, metering_point=point).exists():
                self.add_error("since", _("Another meter serves this point at that time."))
        return said
