"""Fields and windows that every page shares."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import UniqueConstraint
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from clients.kernel import show
from clients.kernel.errors import DomainError
from clients.kernel.money import LARGEST_CENTS
from clients.kernel.tenancy import current_tenant_id
from clients.kernel.text import REFUSED, is_printable

AMOUNT: Final = re.compile(
    r"(?P<sign>[-\u2212])?(?:[A-Z]{0,2}\$|€|£)?"
    r"(?P<whole>\d+|[1-9]\d{0,2}(?:\.\d{3})+|[1-9]\d{0,2}(?:,\d{3})+)"
    r"(?:(?P<mark>[.,])(?P<part>\d{1,2}))?",
    re.ASCII,
)


def parse_money(text: str) -> int:
    """Cents from what a person typed: `1234,5`, `1.234,50`, `R$ 1.234,50`, `1234.50`.

    `1.234` is one thousand two hundred thirty-four. Raises ValueError for what is no amount.
    """
    found = AMOUNT.fullmatch(re.sub(r"\s", "", text))
    if not found or (found["mark"] and found["mark"] in found["whole"]):
        raise ValueError(text)
    units = int(re.sub(r"[.,]", "", found["whole"]))
    cents = units * 100 + int((found["part"] or "").ljust(2, "0"))
    return -cents if found["sign"] else cents


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable when it runs
    """A tenant's row. What must be unique within the tenant is asked before it is saved.

    Django leaves out a constraint with a field that the form does not show, and `tenant` never is.
    """

    def clean(self) -> Any:
        said = super().clean()
        for name, value in list(self.cleaned_data.items()):
            if isinstance(value, str) and not is_printable(value):
                self.add_error(name, ValidationError(REFUSED, code="unprintable"))
        return said

    def validate_unique(self) -> None:
        super().validate_unique()
        form: Any = self  # its exclusions are not in the stubs
        hidden = form._get_validation_exclusions() - {"tenant"}
        for constraint in self.instance._meta.constraints:
            if isinstance(constraint, UniqueConstraint) and "tenant" in constraint.fields:
                self.instance.tenant_id = self.instance.tenant_id or current_tenant_id()
                try:
                    constraint.validate(type(self.instance), self.instance, exclude=hidden)
                except ValidationError as error:
                    shown = [name for name in constraint.fields if name in self.fields]
                    self.add_error(shown[-1] if shown else None, _in_words(constraint, error))


def _in_words(constraint: UniqueConstraint, error: ValidationError) -> ValidationError:
    """The constraint's own sentence, or one that names no column."""
    if constraint.violation_error_message != constraint.default_violation_error_message:
        return error
    return ValidationError(_("This already exists."), code="already_exists")


class MoneyField(forms.CharField):
    """An amount typed as people write it; cleaned to integer cents."""

    def __init__(self, *, minimum_cents: int = 1, **kwargs: Any) -> None:  # Any: CharField's own
        attrs = {"inputmode": "decimal", "autocomplete": "off"}
        kwargs.setdefault("widget", UnfoldAdminTextInputWidget(attrs=attrs))
        self.minimum_cents = minimum_cents
        super().__init__(**kwargs)

    def to_python(self, value: object) -> Any:  # Any: cents, where CharField says text
        if value in self.empty_values or isinstance(value, int):
            return value or None
        try:
            cents = parse_money(str(value))
        except ValueError:
            raise ValidationError(_("Write the amount like 1.234,50."), code="not_money") from None
        if cents < self.minimum_cents:
            least = show.money(self.minimum_cents)
            message = _("The smallest amount here is %(least)s.") % {"least": least}
            raise ValidationError(message, code="too_small")
        if cents > LARGEST_CENTS:
            message = _("The largest amount here is %(most)s.") % {
                "most": show.money(LARGEST_CENTS)
            }
            raise ValidationError(message, code="too_large")
        return cents

    def prepare_value(self, value: object) -> object:
        """What was understood is what is shown again."""
        return show.number(Decimal(value) / 100, 2) if isinstance(value, int) else value


class MomentField(forms.DateTimeField):
    """A day and time in the company's zone. Left empty it is `now`, asked when it is cleaned."""

    widget = UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"})

    def __init__(self, **kwargs: Any) -> None:  # Any: DateTimeField's own
        kwargs.setdefault("help_text", _lazy("Empty: now."))
        super().__init__(required=False, **kwargs)

    def clean(self, value: object) -> Any:  # Any: a datetime, where the stubs say maybe
        return super().clean(value) or timezone.now()


class BaseDialog(BaseDialogForm):
    """A window that asks before something happens. Subclass it to ask for more.

    With `preview_template`, `preview(object_id)` is shown above the fields: what will happen to
    this very object.
    """

    preview_template: str | None = None

    def preview(self, object_id: str | None) -> dict[str, object]:
        return {}

    def refused(self, error: DomainError) -> None:
        """The rule's words are shown above the fields; a dialog may ask for more because of it."""
        self.add_error(None, str(error))

    def render_before_template(self) -> str:
        if not self.preview_template:
            return ""
        return render_to_string(self.preview_template, self.preview(self.object_id), self.request)


def parse_decimal(text: str) -> Decimal:
    """A price with all its digits: `0,91847`, `0.91847`. Raises ValidationError."""
    plain = re.sub(r"\s", "", text).replace(",", ".")
    if not re.fullmatch(r"\d{1,8}(\.\d{1,8})?", plain, re.ASCII):
        raise ValidationError(_("Write the price like 0,92."), code="not_a_price")
    return Decimal(plain)
