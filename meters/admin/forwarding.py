"""Forwarding: where readings go on to, and how that goes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminPasswordWidget

from clients.kernel import show, when
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip
from clients.kernel.errors import DomainError
from clients.kernel.fields import opened
from clients.kernel.forms import BaseDialog, MomentField, TenantForm
from clients.kernel.verbs import verb
from meters.models import ForwardedMeter, Forwarder
from meters.services import forwarding


class ForwarderForm(TenantForm):
    """The key is written here and never shown again; left empty it stays."""

    device_key = forms.CharField(
        label=gettext_lazy("Device key"),
        max_length=200,
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Made over there; it begins with plsk_. Left empty it stays."),
    )

    class Meta:
        model = Forwarder
        fields = ("name", "url", "device_key")

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"].rstrip("/")
        try:
            forwarding.check_address(url)
        except DomainError as error:
            raise ValidationError(str(error), code=error.error_code) from error
        return url

    def clean_device_key(self) -> str:
        typed: str = self.cleaned_data["device_key"].strip()
        if not typed and not self.instance.pk:
            raise ValidationError(_("Write the device key that was made over there."))
        return typed or opened(self.instance, "device_key")


class ForwardedMeterInline(TabularInline):
    model = ForwardedMeter
    form = TenantForm
    fields = ("meter", "name_there")
    autocomplete_fields = ("meter",)
    extra = 0
    verbose_name_plural = gettext_lazy("Meters; none chosen means all")


class ResumeDialog(BaseDialog):
    since = MomentField(
        label=gettext_lazy("Also send everything measured since"),
        help_text=gettext_lazy("Empty: only what is new. What is known over there stays one."),
    )


@office_page(Forwarder)
class ForwarderAdmin(TenantAdmin):
    form = ForwarderForm
    list_display = ("subject", "url", "situation", "waits", "sent", "trouble")
    search_fields = ("name", "url")
    search_help_text = gettext_lazy("Name or address")
    fields = ("name", "url", "device_key", "situation", "waits", "sent", "trouble")
    readonly_fields = ("situation", "waits", "sent", "trouble")
    inlines = (ForwardedMeterInline,)
    actions_detail = ("ask", "pause", "resume")
    settings_icon = "forward"
    settings_text = gettext_lazy("Another Pulso that gets these readings as well")
    empty_icon = "forward"
    empty_title = gettext_lazy("Readings stay here alone")
    empty_text = gettext_lazy("Another Pulso, such as the head office's, can get them as well.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Forwarder]:
        rows: QuerySet[Forwarder] = super().get_queryset(request)
        waiting = Count("batches", filter=Q(batches__due_at__isnull=False))
        return rows.annotate(waiting=waiting)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What does not exist yet has no state."""
        return self.fields if obj else ("name", "url", "device_key")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        found = self.get_object(request, str(object_id))
        hidden = "resume" if found is None or found.is_active else "pause"
        actions: list[Any] = super().get_actions_detail(request, object_id)
        return [action for action in actions if action.path != hidden]

    @display(description=gettext_lazy("Forwarding"), ordering="name")
    def subject(self, row: Forwarder) -> str:
        return row.name

    @display(description=gettext_lazy("Situation"))
    def situation(self, row: Forwarder) -> str:
        if not row.is_active:
            return chip("paused", _("Paused"))
        return chip("failed", _("Does not arrive")) if row.failed_at else chip("active", _("Works"))

    @display(description=gettext_lazy("Waiting"))
    def waits(self, row: Any) -> str:
        return show.number(getattr(row, "waiting", 0))

    @display(description=gettext_lazy("Last sent"), ordering="sent_at")
    def sent(self, row: Forwarder) -> str:
        if row.sent_at is None:
            return _("never")
        return _("%(time)s · %(n)s readings, %(refused)s refused") % {
            "time": when.ago(row.sent_at),
            "n": show.number(row.sent_count),
            "refused": show.number(row.rejected_count),
        }

    @display(description=gettext_lazy("Trouble"))
    def trouble(self, row: Forwarder) -> str:
        if row.failed_at is None:
            return "—"
        return _("%(error)s Since %(time)s.") % {
            "error": row.last_error,
            "time": when.moment(row.failed_at),
        }

    @verb(
        gettext_lazy("Test"),
        icon="sensors",
        title=gettext_lazy("Ask the other side?"),
        text=gettext_lazy("Nothing is sent but the key."),
        submit=gettext_lazy("Ask"),
    )
    def ask(self, request: HttpRequest, form: Any, row: Forwarder) -> str:
        forwarding.check(row)
        return _("The other side answers and takes the key.")

    @verb(
        gettext_lazy("Pause"),
        icon="pause_circle",
        title=gettext_lazy("Send nothing for now?"),
        text=gettext_lazy("What waits stays. When you resume, say since when to send."),
        submit=gettext_lazy("Pause"),
    )
    def pause(self, request: HttpRequest, form: Any, row: Forwarder) -> str:
        forwarding.pause(row)
        return _("Nothing is sent for now.")

    @verb(
        gettext_lazy("Resume"),
        icon="play_circle",
        text=gettext_lazy("What waits is sent at once."),
        submit=gettext_lazy("Resume"),
        form=ResumeDialog,
        variant=ActionVariant.PRIMARY,
    )
    def resume(self, request: HttpRequest, form: Any, row: Forwarder) -> str:
        now = timezone.now()
        since = form.cleaned_data["since"]
        forwarding.resume(row, since=since if since < now else None, now=now)
        return _("Readings are sent again.")
