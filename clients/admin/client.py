"""Clients: the list, and the page where everything about one of them comes together."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from clients.kernel import people, when
from clients.kernel.admin import office_page
from clients.kernel.chips import chip
from clients.kernel.detail import DetailAdmin
from clients.kernel.documents import normal_document, normal_postal_code
from clients.kernel.forms import TenantForm
from clients.kernel.listing import Card, state_cards
from clients.kernel.panels import Entry, card, timeline
from clients.kernel.verbs import verb
from clients.models import Client, ClientStatus, ContactKind, ContactPoint
from clients.selectors import find_clients, with_contacts
from clients.services.standing import close_client, pause_client, resume_client

LANGUAGES = [("", _("The company's language")), ("pt-br", _("Portuguese")), ("en", _("English"))]


class ClientForm(TenantForm):
    """A client, with numbers as people write them: the form takes the punctuation out."""

    document = forms.CharField(
        label=_("CPF or CNPJ"), required=False, max_length=20, widget=UnfoldAdminTextInputWidget
    )
    postal_code = forms.CharField(
        label=capfirst(_("postal code")),
        required=False,
        max_length=10,
        widget=UnfoldAdminTextInputWidget,
    )

    def clean_document(self) -> str:
        return normal_document(self.cleaned_data["document"])

    def clean_postal_code(self) -> str:
        return normal_postal_code(self.cleaned_data["postal_code"])


class ContactForms(forms.BaseInlineFormSet):  # type: ignore[type-arg]  # not when it runs
    def clean(self) -> None:
        """Two lines may say the same number in two ways."""
        super().clean()
        seen = set()
        for form in self.forms:
            named = (form.instance.kind, form.instance.value)
            if form.cleaned_data.get("value") and not form.cleaned_data.get("DELETE"):
                if named in seen:
                    form.add_error("value", _("This is here twice."))
                seen.add(named)


class ContactForm(TenantForm):
    """A new line without a number is no contact yet, whatever else stands in it."""

    def has_changed(self) -> bool:
        is_empty = self.instance.pk is None and not self["value"].data
        return super().has_changed() and not is_empty


class ContactPointInline(TabularInline):
    model = ContactPoint
    form = ContactForm
    formset = ContactForms
    fields = ("kind", "value", "label", "is_preferred")
    extra = 0
    hide_title = True
    verbose_name = _("contact")
    verbose_name_plural = _("How to reach them")

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 1


@office_page(Client)
class ClientAdmin(DetailAdmin):
    form = ClientForm
    list_display = ("subject", "document_", "contact", "situation", "since")
    list_filter = [("status", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter)]
    search_fields = ("name",)
    search_help_text = _("Name, CPF or CNPJ, phone, e-mail")
    head_template = "clients/admin/client_head.html"
    inlines = (ContactPointInline,)
    fieldsets = (
        (_("Who they are"), {"fields": [("name", "document")]}),
        (_("Where they are"), {"fields": [("address", "city"), ("state", "postal_code")]}),
        (_("Notes"), {"fields": ["language", "notes"]}),
    )
    actions_detail = ("pause", "resume", {"title": _("More"), "items": ["close"]})
    empty_icon = "group"
    empty_title = _("Your clients will be here")
    empty_text = _("A client is who you supply and bill: a person or a company.")
    empty_verb = _("Add the first client")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        return with_contacts(super().get_queryset(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Client], search_term: str
    ) -> tuple[QuerySet[Client], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=find_clients(search_term.strip()).values("pk")), False

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> type[ModelForm[Any]]:
        form = super().get_form(request, *args, **kwargs)
        if "language" in form.base_fields:
            form.base_fields["language"].widget = UnfoldAdminSelectWidget(choices=LANGUAGES)
        made: type[ModelForm[Any]] = form
        return made

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Only the verbs that this client's state allows."""
        found = self.get_object(request, str(object_id))
        hidden = {"pause"} if found and found.status != ClientStatus.ACTIVE else {"resume"}
        if found and found.status == ClientStatus.CLOSED:
            hidden.add("close")
        shown = super().get_actions_detail(request, object_id)
        return [action for action in shown if action.path not in hidden]

    def list_cards(self, request: HttpRequest, cl: ChangeList) -> list[Card]:
        whole = cl.get_queryset(request, exclude_parameters=["status__exact"])
        rows = whole.order_by().values("status").annotate(n=Count("pk"))
        counts = {row["status"]: row["n"] for row in rows}
        return state_cards(cl, "status__exact", [("", _("All")), *ClientStatus.choices], counts)

    def page_context(self, request: HttpRequest, subject: Any) -> dict[str, Any]:
        points = list(subject.contact_points.all())
        return {
            "phones": [point for point in points if point.kind == ContactKind.PHONE],
            "emails": [point for point in points if point.kind == ContactKind.EMAIL],
        }

    @display(description=_("Client"), header=True, ordering="name")
    def subject(self, client: Client) -> list[str]:
        return [client.name, client.city or client.get_kind_display(), people.initials(client.name)]

    @display(description=_("CPF or CNPJ"))
    def document_(self, client: Client) -> str:
        return people.masked_document(client.document)

    @display(description=_("Contact"))
    def contact(self, client: Client) -> str:
        first = next(iter(client.contact_points.all()), None)
        if first is None:
            return ""
        return people.phone(first.value) if first.kind == ContactKind.PHONE else first.value

    @display(description=_("Situation"), ordering="status")
    def situation(self, client: Client) -> str:
        return chip(client.status, client.get_status_display())

    @display(description=_("Client since"), ordering="created_at")
    def since(self, client: Client) -> str:
        return when.month(client.created_at)

    @verb(
        _("Pause"),
        icon="pause_circle",
        title=_("Pause this client?"),
        text=_("Nothing new is charged while paused. Open invoices stay. Resume at any time."),
        submit=_("Pause"),
    )
    def pause(self, request: HttpRequest, form: Any, client: Client) -> str:
        pause_client(client)
        return _("%(name)s is paused.") % {"name": client}

    @verb(
        _("Resume"),
        icon="play_circle",
        title=_("Resume this client?"),
        text=_("The client is supplied and billed again from now on."),
        submit=_("Resume"),
        variant=ActionVariant.PRIMARY,
    )
    def resume(self, request: HttpRequest, form: Any, client: Client) -> str:
        resume_client(client)
        return _("%(name)s is active again.") % {"name": client}

    @verb(
        _("Close"),
        icon="logout",
        title=_("Close this client?"),
        text=_("The relation ends today. Open invoices and the history stay."),
        submit=_("Close the client"),
        variant=ActionVariant.DANGER,
    )
    def close(self, request: HttpRequest, form: Any, client: Client) -> str:
        close_client(client)
        return _("%(name)s is closed.") % {"name": client}


@card(Client, "contact", template="clients/panels/contact.html", order=90, side=True)
def contact_card(request: HttpRequest, client: Client) -> dict[str, Any]:
    return {"points": list(client.contact_points.all())}


@timeline(Client)
def registered(client: Client, limit: int) -> list[Entry]:
    return [Entry(client.created_at, "person_add", str(_("Registered as a client")))]
