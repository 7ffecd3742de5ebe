"""The team: who works here, with which role."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.chips import chip
from clients.kernel.forms import BaseDialog
from clients.kernel.permissions import may
from clients.kernel.verbs import verb
from clients.models import Membership, Role
from clients.services.team import change_membership


class RoleDialog(BaseDialog):
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, widget=UnfoldAdminSelectWidget)


@office_page(Membership)
class TeamAdmin(TenantAdmin):
    list_display = ("subject", "email", "role", "situation")
    list_select_related = ("user",)
    search_fields = ("user__name", "user__email")
    search_help_text = _("Name or e-mail")
    fields = ("subject", "email", "role", "is_active")
    readonly_fields = fields
    actions_detail = ("change_role", "restore", "remove")
    settings_icon = "group"
    settings_text = _("Who works here and what each may do")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_owner_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may("clients.delete_membership")

    @display(description=_("Name"), ordering="user__name")
    def subject(self, member: Membership) -> str:
        return str(member.user)

    @display(description=_("E-mail"), ordering="user__email")
    def email(self, member: Membership) -> str:
        return member.user.email

    @display(description=_("Situation"), ordering="is_active")
    def situation(self, member: Membership) -> str:
        if member.is_active:
            return chip("active", _("With access"))
        return chip("closed", _("Without access"))

    @verb(
        _("Change role"),
        icon="badge",
        submit=_("Change role"),
        text=_("The new role holds from the person's next click."),
        form=RoleDialog,
        permissions=("owner",),
        variant=ActionVariant.PRIMARY,
    )
    def change_role(self, request: HttpRequest, form: Any, member: Membership) -> str:
        change_membership(member, role=form.cleaned_data["role"])
        return gettext("Role changed.")

    @verb(
        _("Remove access"),
        icon="person_off",
        title=_("Remove this person's access?"),
        text=_("They leave this company at once. What they did stays in the history."),
        submit=_("Remove access"),
        variant=ActionVariant.DANGER,
    )
    def remove(self, request: HttpRequest, form: Any, member: Membership) -> str:
        change_membership(member, is_active=False)
        return gettext("Access removed.")

    @verb(
        _("Restore access"),
        icon="how_to_reg",
        title=_("Let this person work here again?"),
        submit=_("Restore access"),
    )
    def restore(self, request: HttpRequest, form: Any, member: Membership) -> str:
        change_membership(member, is_active=True)
        return gettext("Access restored.")
