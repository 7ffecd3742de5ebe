"""Sites of clients and the points at which is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from clients.kernel import show
from clients.kernel.admin import TenantAdmin, office_page
from clients.kernel.forms import TenantForm
from meters.admin.next_steps import steps_of
from meters.admin.voltage import voltage_page
from meters.models import MeteringPoint, Site
from meters.services.peak_hours import lacks_peak_hours, offered_distributors


class OfferingTextWidget(UnfoldAdminTextInputWidget):
    """A text of any kind, with a list of the usual ones."""

    def __init__(self, offered: Callable[[], list[str]]) -> None:
        super().__init__()
        self.offered = offered

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        listed = f"{name}-offered"
        field = super().render(name, value, {**(attrs or {}), "list": listed}, renderer)
        options = format_html_join("", '<option value="{}">', ((text,) for text in self.offered()))
        return format_html('{}<datalist id="{}">{}</datalist>', field, listed, options)


class SiteForm(TenantForm):
    """A distributor may have any name; those with hours are offered, and one without is told."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        if "distributor" not in self.fields:
            return
        field: Any = self.fields["distributor"]
        field.widget = OfferingTextWidget(offered_distributors)
        if lacks_peak_hours(self.instance.distributor):
            field.help_text = no_hours(self.instance.distributor)


def no_hours(distributor: str) -> str:
    """That nobody entered the hours of a distributor, and where that is done."""
    return format_html(
        '{} <a class="p-link" href="{}">{}</a>',
        _("No peak hours of %(name)s are on record.") % {"name": distributor},
        reverse("admin:meters_peakhours_changelist"),
        _("Enter hours"),
    )


class MeteringPointInline(TabularInline):
    model = MeteringPoint
    form = TenantForm
    fields = ("name", "kind", "nominal_voltage_v")
    extra = 0

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 1


@office_page(MeteringPoint)
class MeteringPointAdmin(TenantAdmin):
    list_display = ("subject", "who", "kind", "site")
    list_select_related = ("site__client",)
    search_fields = ("name", "site__name", "site__client__name")
    search_help_text = gettext_lazy("Name, site or client")
    fields = (("site", "name"), ("kind", "nominal_voltage_v"))
    autocomplete_fields = ("site",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.voltage_view)
        name = "meters_meteringpoint_voltage"
        return [path("<uuid:object_id>/voltage/", view, name=name), *super().get_urls()]

    def voltage_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        return voltage_page(request, self.row(request, str(object_id)))

    def choice_text(self, point: MeteringPoint) -> str:
        """Points of different clients have the same names."""
        return f"{point.site.client} · {point.site} · {point}"

    @display(description=gettext_lazy("Metering point"), ordering="name")
    def subject(self, point: MeteringPoint) -> str:
        return point.name

    @display(description=gettext_lazy("Client"), ordering="site__client__name")
    def who(self, point: MeteringPoint) -> str:
        return str(point.site.client)


@office_page(Site)
class SiteAdmin(TenantAdmin):
    form = SiteForm
    list_display = ("subject", "who", "city", "points")
    ordering = ("name", "id")  # counting points loses the model's own
    list_select_related = ("client",)
    search_fields = ("name", "client__name", "city")
    search_help_text = gettext_lazy("Name, client or city")
    fields = (("client", "name"), ("address", "city"), ("time_zone", "distributor"))
    autocomplete_fields = ("client",)
    inlines = (MeteringPointInline,)
    change_form_outer_before_template = "meters/site_steps.html"
    settings_icon = "location_on"
    settings_text = gettext_lazy("Places of clients, their time zone and what is measured there")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Site]:
        sites: QuerySet[Site] = super().get_queryset(request)
        return sites.annotate(point_count=Count("metering_points"))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {"steps": steps_of(self.row(request, object_id)), **(extra_context or {})}
        answer: HttpResponse = super().change_view(request, object_id, form_url, context)
        return answer

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """On to its points: the page says what comes next."""
        return HttpResponseRedirect(self.page_of(obj))

    response_post_save_change = response_post_save_add

    def choice_text(self, site: Site) -> str:
        return f"{site.client} · {site}"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "distributor" in form.changed_data and lacks_peak_hours(obj.distributor):
            self.message_user(request, no_hours(obj.distributor), messages.WARNING)

    @display(description=gettext_lazy("Site"), ordering="name")
    def subject(self, site: Site) -> str:
        return site.name

    @display(description=gettext_lazy("Client"), ordering="client__name")
    def who(self, site: Site) -> str:
        return str(site.client)

    @display(description=gettext_lazy("Metering points"))
    def points(self, site: Any) -> str:
        return show.number(site.point_count)
