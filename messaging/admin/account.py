"""Channel accounts: what mail and WhatsApp need to send in the tenant's name."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip
from clients.kernel.errors import DomainError
from clients.kernel.panels import Words
from clients.kernel.verbs import verb
from messaging.models import ChannelAccount, ChannelKind
from messaging.services.accounts import (
    SECRETS,
    SETTINGS,
    change_account,
    check_credentials,
    is_simulated,
    make_default,
    open_account,
    resume_account,
    webhook_path,
)

SECURITY = [("starttls", "STARTTLS"), ("tls", "TLS"), ("none", gettext_lazy("None"))]


def _text(label: Words) -> forms.CharField:
    widget = UnfoldAdminTextInputWidget
    return forms.CharField(label=label, required=False, max_length=200, widget=widget)


def _secret(label: Words) -> forms.CharField:
    """A field that never shows what is stored. Left empty, that stays."""
    widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, required=False, max_length=1000, widget=widget)


class AccountForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    """The account with its credentials as fields."""

    host = _text(gettext_lazy("Mail server"))
    port = _text(gettext_lazy("Port"))
    security = forms.ChoiceField(
        label=gettext_lazy("Encryption"),
        choices=SECURITY,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    username = _text(gettext_lazy("User"))
    password = _secret(gettext_lazy("Password"))
    phone_number_id = _text(gettext_lazy("Phone number ID"))
    access_token = _secret(gettext_lazy("Access token"))
    app_secret = _secret(gettext_lazy("App secret"))
    verify_token = _secret(gettext_lazy("Verify token"))

    class Meta:
        model = ChannelAccount
        fields = ("kind", "name", "sender", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        known = self.instance.credentials if self.instance.pk else {}
        for name in SETTINGS.get(self.instance.kind, ()):
            if name not in SECRETS:
                self.initial.setdefault(name, known.get(name, ""))

    def credentials(self) -> dict[str, str]:
        """What was typed: secrets only when they were, other settings always."""
        wanted = SETTINGS.get(self.cleaned_data.get("kind") or self.instance.kind, ())
        typed = {name: self.cleaned_data.get(name) or "" for name in wanted}
        return {name: value for name, value in typed.items() if value or name not in SECRETS}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        kind = cleaned.get("kind") or self.instance.kind
        known = self.instance.credentials if self.instance.pk else {}
        try:
            check_credentials(kind, {**known, **self.credentials()})
        except DomainError as error:
            self.add_error(None, str(error))
        return cleaned


@office_page(ChannelAccount)
class ChannelAccountAdmin(TenantAdmin):
    form = AccountForm
    list_display = ("subject", "kind", "situation", "standard")
    readonly_fields = ("webhook",)
    actions_detail = ("resume", "prefer")
    settings_icon = "send"
    settings_text = gettext_lazy("Through which mail server and WhatsApp number messages leave")
    empty_icon = "send"
    empty_title = gettext_lazy("No account yet")
    empty_text = gettext_lazy("Messages need an e-mail or a WhatsApp account to leave through.")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        groups: list[Any] = [(None, {"fields": ["kind", "name", "sender", "is_active"]})]
        kinds = [obj.kind] if obj else list(ChannelKind.values)
        groups += [(ChannelKind(kind).label, {"fields": list(SETTINGS[kind])}) for kind in kinds]
        if obj and obj.kind == ChannelKind.WHATSAPP:
            groups.append((gettext_lazy("At the provider"), {"fields": ["webhook"]}))
        return groups

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), *(["kind"] if obj else [])]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        credentials = form.credentials()
        if change:
            change_account(obj, credentials)
            return
        opened = open_account(
            obj.kind, obj.name, sender=obj.sender, credentials=credentials, is_active=obj.is_active
        )
        obj.__dict__.update(opened.__dict__)

    @display(description=gettext_lazy("Account"), ordering="name")
    def subject(self, account: ChannelAccount) -> str:
        return account.name

    @display(description=gettext_lazy("Situation"))
    def situation(self, account: ChannelAccount) -> str:
        if not account.is_active:
            return chip("closed", _("Off"))
        if account.paused_until and account.paused_until > timezone.now():
            return chip("warning", _("Resting: %(why)s") % {"why": account.paused_reason})
        if is_simulated(account):
            return chip("info", _("Simulated: nobody is reached"))
        return chip("active", _("Sending"))

    @display(description=gettext_lazy("Used"))
    def standard(self, account: ChannelAccount) -> str:
        return chip("active", _("For all messages"), quiet=True) if account.is_default else ""

    @display(description=gettext_lazy("Webhook address"))
    def webhook(self, account: ChannelAccount) -> str:
        return settings.PUBLIC_URL.rstrip("/") + webhook_path(account) if account.pk else ""

    @verb(
        gettext_lazy("Send again"),
        icon="play_circle",
        title=gettext_lazy("Let this account send again?"),
        text=gettext_lazy("Messages that wait for it leave within seconds."),
        submit=gettext_lazy("Send again"),
        variant=ActionVariant.PRIMARY,
    )
    def resume(self, request: HttpRequest, form: Any, account: ChannelAccount) -> str:
        resume_account(account)
        return _("The account sends again.")

    @verb(
        gettext_lazy("Use for all messages"),
        icon="check_circle",
        title=gettext_lazy("Send everything through this account?"),
        text=gettext_lazy("The account used so far stays, for messages that already wait for it."),
        submit=gettext_lazy("Use for all messages"),
    )
    def prefer(self, request: HttpRequest, form: Any, account: ChannelAccount) -> str:
        make_default(account)
        return _("New messages leave through this account.")
