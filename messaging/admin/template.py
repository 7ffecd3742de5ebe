"""Templates: the tenant's own words, by kind of message, channel and language."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from clients.kernel.admin import TenantAdmin, office_page
from messaging.models import Template


@office_page(Template)
class TemplateAdmin(TenantAdmin):
    list_display = ("key", "channel", "language", "version", "in_use")
    list_filter = [("channel", ChoicesDropdownFilter)]
    search_fields = ("key", "subject", "body")
    search_help_text = _("Kind of message or words of the text")
    fields = (("key", "channel"), ("language", "version"), "subject", "body")
    readonly_fields = ("key", "channel", "language", "version", "subject", "body")
    settings_icon = "edit_note"
    settings_text = _("What messages say, in the company's own words")
    empty_icon = "edit_note"
    empty_title = _("The first words are used")
    empty_text = _("Each message has good words from the start; write your own when you wish.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("In use"), boolean=True)
    def in_use(self, template: Template) -> bool:
        return template.is_current
