"""The two admin sites: `/admin/` is a tenant's office, `/platform/` is its operator's."""

from __future__ import annotations

from typing import Any, cast

from csp.decorators import csp_update
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from clients.kernel.tenancy import NoTenant, current_actor, current_tenant_id


class SignInForm(AuthenticationForm):
    """E-mail and password. Who may enter which site is the site's question, not the form's."""

    error_messages = {
        "invalid_login": _("E-mail and password do not match. Check both; capitals count."),
        "inactive": _("E-mail and password do not match. Check both; capitals count."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: Django's own arguments
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("E-mail")
        self.fields["username"].widget.attrs |= {"type": "email", "autocomplete": "username"}
        self.fields["password"].label = _("Password")

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        if not user.is_active:
            raise ValidationError(self.error_messages["inactive"], code="inactive")


_with_alpine = csp_update({"script-src": ["'unsafe-eval'"]})


class PulsoSite(UnfoldAdminSite):
    """What both sites share: one sign-in form, no log of Django's own, our home."""

    login_form = SignInForm
    empty_value_display = "—"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.pages: list[tuple[str, Any, str]] = []

    def page(self, route: str, name: str) -> Any:
        """Add a page that belongs to no model, open to whoever may enter the site."""

        def register(view: Any) -> Any:
            self.pages.append((route, view, name))
            return view

        return register

    def extra_urls(self) -> list[URLPattern]:
        return [path(route, self.admin_view(view), name=name) for route, view, name in self.pages]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Alpine, which unfold is made with, needs `unsafe-eval`; no other page of ours gets it."""
        return _with_alpine(super().admin_view(view, cacheable))

    @method_decorator(_with_alpine)
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        answer: HttpResponse = super().login(request, extra_context)
        return answer

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Apps are how the code is cut, not how people work: their pages lead home."""
        return HttpResponseRedirect(reverse(f"{self.name}:index"))


class Choices(AutocompleteJsonView):
    """What a chooser offers while somebody types, in the words of the page of what is chosen."""

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        answer: dict[str, str] = super().serialize_result(obj, to_field_name)
        choice_text = getattr(self.model_admin, "choice_text", str)
        return answer | {"text": choice_text(obj)}


class TenantAdminSite(PulsoSite):
    """Open to an active member of the tenant that the middleware opened."""

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        return cast(HttpResponse, Choices.as_view(admin_site=self)(request))

    def has_permission(self, request: HttpRequest) -> bool:
        try:
            current_tenant_id()
        except NoTenant:
            return False
        return bool(request.user.is_active and current_actor())


class PlatformSite(PulsoSite):
    """Open to staff who proved their second factor and said why they came."""

    settings_name = "UNFOLD_PLATFORM"
    index_template = "clients/admin/platform.html"

    def has_permission(self, request: HttpRequest) -> bool:
        user: Any = request.user  # django-otp adds is_verified
        known = bool(user.is_active and user.is_staff and user.is_verified())
        return known and bool(request.session.get("platform_reason"))

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.user.is_authenticated and not self.has_permission(request):
            if not getattr(request.user, "is_staff", False):
                raise PermissionDenied
            after = request.GET.get("next", "")
            safe = url_has_allowed_host_and_scheme(after, {request.get_host()})
            query = urlencode({"next": after if safe else reverse("platform:index")})
            return HttpResponseRedirect(f"{reverse('platform_verify')}?{query}")
        return super().login(request, extra_context)


tenant_site = TenantAdminSite("admin")
platform_site = PlatformSite("platform")
