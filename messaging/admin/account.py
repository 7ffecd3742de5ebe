"""Channel accounts: through what messages leave. Secrets are written, never shown."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip
from clients.kernel.verbs import verb
from messaging.models import ChannelAccount
from messaging.services.accounts import make_default, resume_account


@office_page(ChannelAccount)
class AccountAdmin(TenantAdmin):
    list_display = ("subject", "kind", "sender", "situation")
    fields = ("name", "kind", "sender", ("is_default", "is_active"))
    readonly_fields = ("kind", "is_default")
    actions_detail = ("default", "resume")
    settings_icon = "chat"
    settings_text = gettext_lazy("WhatsApp and e-mail: through what messages leave")
    empty_icon = "chat"
    empty_title = gettext_lazy("No channel yet")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @display(description=gettext_lazy("Account"), ordering="name")
    def subject(self, account: ChannelAccount) -> str:
        return account.name

    @display(description=gettext_lazy("Situation"))
    def situation(self, account: ChannelAccount) -> str:
        if not account.is_active:
            return chip("paused", _("Switched off"))
        if account.paused_until and account.paused_until > timezone.now():
            return chip("warning", _("Paused"))
        return chip("active", _("Default") if account.is_default else _("Active"))

    @verb(
        gettext_lazy("Use by default"),
        icon="check",
        title=gettext_lazy("Send through this account from now on?"),
        submit=gettext_lazy("Use by default"),
    )
    def default(self, request: HttpRequest, form: Any, account: ChannelAccount) -> str:
        make_default(account)
        return _("%(name)s is the default now.") % {"name": account}

    @verb(
        gettext_lazy("Send again"),
        icon="play_arrow",
        title=gettext_lazy("Let messages leave again?"),
        submit=gettext_lazy("Send again"),
    )
    def resume(self, request: HttpRequest, form: Any, account: ChannelAccount) -> str:
        resume_account(account)
        return _("Messages leave again.")
