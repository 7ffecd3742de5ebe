"""Templates: the tenant's own words for each kind of message. Saving makes the next version."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.errors import DomainError
from clients.kernel.verbs import dialog_done, verb
from messaging.models import Template
from messaging.services.kinds import all_kinds, kind_of, label_of
from messaging.services.templates import check_words, save_template, withdraw_template

LANGUAGES = [("pt-br", gettext_lazy("Portuguese")), ("en", gettext_lazy("English"))]


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    class Meta:
        model = Template
        fields = ("key", "channel", "language", "subject", "body", "provider_name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        kinds = [(kind.key, kind.label) for kind in all_kinds()]
        widgets = {"key": kinds, "language": LANGUAGES}
        for name, choices in widgets.items():
            if name in self.fields:
                self.fields[name].widget = UnfoldAdminSelectWidget(choices=choices)
        key = self.instance.key or str(self.initial.get("key", ""))
        if key and "body" in self.fields:
            names = ", ".join(f"{{{name}}}" for name in sorted(kind_of(key).examples))
            self.fields["body"].help_text = gettext_lazy("Can be filled in: %(names)s") % {
                "names": names
            }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        key = cleaned.get("key") or self.instance.key
        for name in ("subject", "body"):
            if name in cleaned and key:
                try:
                    check_words(key, cleaned[name])
                except DomainError as error:
                    self.add_error(name, str(error))
        return cleaned


@office_page(Template)
class TemplateAdmin(TenantAdmin):
    form = TemplateForm
    list_display = ("subject", "channel", "language", "version")
    list_filter = ("channel", "language")
    search_fields = ("key", "subject", "body")
    search_help_text = gettext_lazy("Kind, subject or text")
    fields = ("key", "channel", "language", "subject", "body", "provider_name")
    actions_detail = ("withdraw",)
    settings_icon = "chat"
    settings_text = gettext_lazy("What messages to clients say, by kind, channel and language")
    empty_icon = "chat"
    empty_title = gettext_lazy("Pulso's own words are in use")
    empty_text = gettext_lazy(
        "Write your own for any kind of message; take them back whenever you like."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Template]:
        rows: QuerySet[Template] = super().get_queryset(request)
        return rows.filter(is_current=True)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = ["key", "channel", "language"] if obj else []
        return [*super().get_readonly_fields(request, obj), *fixed]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        saved = save_template(
            obj.key,
            obj.channel,
            body=obj.body,
            subject=obj.subject,
            language=obj.language,
            provider_name=obj.provider_name,
        )
        obj.__dict__.update(saved.__dict__)

    @display(description=gettext_lazy("Kind of message"), ordering="key")
    def subject(self, template: Template) -> str:
        return label_of(template.key)

    @verb(
        gettext_lazy("Use Pulso's words"),
        icon="undo",
        title=gettext_lazy("Take your own words back?"),
        text=gettext_lazy(
            "Messages of this kind use Pulso's words from now on. Yours stay in the history."
        ),
        submit=gettext_lazy("Use Pulso's words"),
        variant=ActionVariant.DANGER,
    )
    def withdraw(self, request: HttpRequest, form: Any, template: Template) -> HttpResponse:
        withdraw_template(template)
        text = _("Messages of this kind use Pulso's words again.")
        return dialog_done(request, self.page_of(None), text)
