"""The door to the platform: a second factor, and the reason for coming."""

from __future__ import annotations

import re
from typing import Any

import segno
from csp.decorators import csp_update
from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django_otp import login, match_token
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.widgets import UnfoldAdminTextInputWidget

from clients.kernel.sites import platform_site

CODE = {"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": "8"}


class VerifyForm(forms.Form):
    """The code of the person's application, and why they come."""

    reason = forms.CharField(
        label=_("Why are you coming?"),
        min_length=5,
        max_length=200,
        help_text=_("The companies can read it in their history."),
        widget=UnfoldAdminTextInputWidget,
    )
    code = forms.CharField(
        label=_("Six digits from your app"), widget=UnfoldAdminTextInputWidget(attrs=CODE)
    )

    def clean_code(self) -> str:
        return re.sub(r"\D", "", self.cleaned_data["code"])


@login_required(login_url="platform:login")
@csp_update({"script-src": ["'unsafe-eval'"]})
def verify(request: HttpRequest) -> HttpResponse:
    """Enrol the first time, prove the second factor each time."""
    user: Any = request.user
    if not user.is_staff:
        raise PermissionDenied
    form = VerifyForm(request.POST or None)
    device = TOTPDevice.objects.filter(user=user, confirmed=True).first()
    new = None if device else waiting_device(user)
    if form.is_valid():
        code = form.cleaned_data["code"]
        proved = confirmed(new, code) if new else match_token(user, code)
        if proved:
            login(request, proved)
            request.session["platform_reason"] = form.cleaned_data["reason"]
            return HttpResponseRedirect(after(request))
        form.add_error("code", _("That code is not right now. Codes change every 30 seconds."))
    context = {
        **platform_site.each_context(request),
        "title": _("Confirm that it is you"),
        "form": form,
        "qr": segno.make(new.config_url, error="m").svg_data_uri(scale=5, border=2) if new else "",
        "secret": secret_of(new) if new else "",
        "next": after(request),
    }
    return TemplateResponse(request, "clients/verify.html", context)


def waiting_device(user: Any) -> TOTPDevice:
    found, _made = TOTPDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "TOTP"}
    )
    return found


def confirmed(device: TOTPDevice, code: str) -> TOTPDevice | None:
    """The device, now in use, when the code is its own."""
    if not device.verify_token(code):
        return None
    device.confirmed = True
    device.save()
    return device


def secret_of(device: TOTPDevice) -> str:
    """The key in groups of four, to type where no camera is."""
    found = re.search(r"secret=(\w+)", device.config_url)
    return " ".join(re.findall(".{1,4}", found[1])) if found else ""


def after(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return wanted if wanted and safe else reverse("platform:index")
