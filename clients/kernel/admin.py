"""The base of every page in the office: scoped, fast, readable, changed by verbs."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import ObjectDoesNotExist, SuspiciousOperation, ValidationError
from django.db.models import Model
from django.forms import Media
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin
from unfold.fields import UnfoldAdminReadonlyField
from unfold.views import ChangeList

from clients.kernel.forms import TenantForm
from clients.kernel.listing import Card, Sum
from clients.kernel.panels import Words
from clients.kernel.sites import platform_site, tenant_site
from clients.kernel.verbs import row_or_404

HEAVY = ("xregexp", "urlify", "prepopulate")


def _link_to(field: UnfoldAdminReadonlyField, remote_field: Any, row: Model) -> str:
    """A row that a read-only field names, linked where this site has a page for it."""
    page = field.model_admin.admin_site._registry.get(remote_field.model)
    if not isinstance(page, PulsoAdmin):
        return str(row)
    return format_html('<a href="{}" class="text-link">{}</a>', page.page_of(row), row)


# There is no other door: the form's classes name one another.
UnfoldAdminReadonlyField.get_admin_url = _link_to


def office_page(*models: type[Model]) -> Any:
    """Show a model in the tenant's office."""
    return admin.register(*models, site=tenant_site)


def platform_page(*models: type[Model]) -> Any:
    """Show a model to those who run the service."""
    return admin.register(*models, site=platform_site)


class PublicChangeList(ChangeList):
    """Rows link by their public id; the key inside is never shown."""

    def url_for_result(self, result: Model) -> str:
        return str(self.model_admin.page_of(result))


class PulsoAdmin(ModelAdmin):
    """What a page of either site is: one reading line, 25 rows, no deletion, no log of its own."""

    compressed_fields = False
    list_per_page = 25
    list_max_show_all = 50
    list_filter_submit = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    is_compact = False  # on a phone two lines a row, made of subject, who, due, amount, situation
    list_before_template = "clients/admin/list_cards.html"
    list_after_template = "clients/admin/list_sums.html"
    warn_unsaved_form = True
    change_form_template = "clients/admin/change_form.html"
    save_words: Any = ""  # what the button of the form says, where "Save" is not what it does
    change_list_template = "clients/admin/change_list.html"

    @property
    def media(self) -> Media:
        """No form of ours has a slug, so Django's slug helpers (35 kB on every page) stay away."""
        media: Any = super().media  # its lists are not in the stubs
        media._js_lists = [
            [js for js in group if not any(part in str(js) for part in HEAVY)]
            for group in media._js_lists
        ]
        trimmed: Media = media
        return trimmed

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **how: Any) -> Any:
        """One way to save."""
        context |= {"show_save_and_continue": False, "show_save_and_add_another": False}
        context["save_words"] = self.save_words
        return super().render_change_form(request, context, *args, **how)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """What is chosen in a form is not linked: that link would show the key inside."""
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget.can_change_related = field.widget.can_view_related = False
        return field

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_work_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether verbs are offered: also where the form itself is only read."""
        return bool(PulsoAdmin.has_change_permission(self, request, obj))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's own history is empty here: what happened is on the row's page."""
        return HttpResponseRedirect(self.page_of(self.row(request, object_id)))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What the address fills in: of another row, its id there. What is no id is left out."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        for field in self.opts.concrete_fields:
            if field.is_relation and (asked := initial.pop(field.name, None)) is not None:
                rows: Any = field.related_model._default_manager
                key = "public_id" if hasattr(field.related_model, "public_id") else "pk"
                with suppress(ValueError, TypeError, ValidationError, ObjectDoesNotExist):
                    initial[field.name] = rows.get(**{key: asked})
        return initial

    def log_addition(self, *args: Any) -> None:
        """Nothing: what changed is recorded by the database itself."""

    log_change = log_addition
    log_deletions = log_addition

    def page_of(self, obj: Model | None) -> str:
        """The address of a row's page, or of the list."""
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}"
        if obj is None:
            return reverse(f"{name}_changelist")
        return reverse(f"{name}_change", args=[getattr(obj, "public_id", obj.pk)])

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Django's message links by the key inside; ours says the name, and leads by the page."""
        if IS_POPUP_VAR in request.POST:
            popup: HttpResponse = super().response_add(request, obj, post_url_continue)
            return popup
        link = format_html('<a href="{}">{}</a>', self.page_of(obj), obj)
        said = format_html(
            _("The {name} “{obj}” was added successfully."), name=self.opts.verbose_name, obj=link
        )
        self.message_user(request, said, messages.SUCCESS)
        answer: HttpResponse = self.response_post_save_add(request, obj)
        return answer

    def row(self, request: HttpRequest, object_id: str) -> Any:
        """The row of an address; what is missing, belongs to others or may not be seen is one."""
        found = row_or_404(self.get_object(request, object_id))
        return row_or_404(found if self.has_view_permission(request, found) else None)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        public = from_field is None and hasattr(self.model, "public_id")
        return super().get_object(request, object_id, "public_id" if public else from_field)

    def _get_obj_does_not_exist_redirect(self, *args: Any) -> HttpResponse:
        row_or_404(None)
        raise AssertionError("unreachable")


class TenantAdmin(PulsoAdmin):
    """A page of the tenant's office. Who sees and who changes is said by the membership's role."""

    form: type[forms.ModelForm[Any]] = TenantForm
    is_compact = True
    settings_icon = ""  # with an icon the list is a card on the settings page, with this text
    settings_text: Words = ""
    # A page with `choice_text(row)` says how its rows are called where one is chosen.
    state_fields: ClassVar[tuple[str, ...]] = ("status",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PublicChangeList

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*(super().get_exclude(request, obj) or []), "tenant", "public_id"]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A key without words of its own is called as what it points at."""
        if db_field._verbose_name is None:
            kwargs.setdefault("label", capfirst(db_field.related_model._meta.verbose_name))
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        page = self.admin_site._registry.get(db_field.related_model)
        if field is not None and hasattr(page, "choice_text"):
            field.label_from_instance = page.choice_text
        return field

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """State is read here and changed by verbs."""
        names = {field.name for field in self.opts.get_fields()}
        state = [name for name in self.state_fields if name in names]
        return list(dict.fromkeys([*super().get_readonly_fields(request, obj), *state]))

    def list_cards(self, request: HttpRequest, cl: ChangeList) -> list[Card]:
        """The main filter of the list, as a row of cards with counts and sums."""
        return []

    def list_sums(self, request: HttpRequest, cl: ChangeList) -> list[Sum]:
        """What the rows in this filter add up to, below the list."""
        return []

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if any("\0" in text for _name, texts in request.GET.lists() for text in texts):
            raise SuspiciousOperation("no column holds U+0000")
        response: HttpResponse = super().changelist_view(request, extra_context)
        shown = getattr(response, "context_data", None)
        if shown and (cl := shown.get("cl")):
            shown |= {"cards": self.list_cards(request, cl), "sums": self.list_sums(request, cl)}
        return response
