"""Filters in the units that people read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from clients.kernel.forms import parse_money


class AmountForm(forms.Form):
    """From and to, as amounts are typed."""

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:  # Any: forms.Form's own
        super().__init__(*args, **kwargs)
        for part, label in (("from", _("From")), ("to", _("To"))):
            attrs = {"inputmode": "decimal", "placeholder": label, "aria-label": label}
            widget = UnfoldAdminTextInputWidget(attrs=attrs)
            self.fields[f"{name}_{part}"] = forms.CharField(label="", required=False, widget=widget)


class AmountFilter(SimpleListFilter):
    """Amounts between two that are typed in the currency; the column holds cents."""

    title = _("Amount")
    parameter_name = "amount"
    column = "total_cents"
    template = "unfold/filters/filters_numeric_range.html"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.request = request
        for name in self.expected_parameters():
            value = params.pop(str(name), None)
            text = value[-1] if isinstance(value, list) else value
            if text:
                self.used_parameters[str(name)] = text

    def expected_parameters(self) -> list[str | None]:
        return [f"{self.parameter_name}_from", f"{self.parameter_name}_to"]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [("any", "any")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        for part, lookup in (("from", "gte"), ("to", "lte")):
            try:
                cents = parse_money(self.used_parameters.get(f"{self.parameter_name}_{part}", ""))
            except ValueError:
                continue
            queryset = queryset.filter(**{f"{self.column}__{lookup}": cents})
        return queryset

    def choices(self, changelist: Any) -> Iterator[Any]:
        name = str(self.parameter_name)
        yield {
            "request": self.request,
            "parameter_name": name,
            "form": AmountForm(name, data=self.used_parameters),
        }
