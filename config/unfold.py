"""How unfold looks here. Callables throughout: unfold tries each string as an import path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

BASE = {
    "50": "#F7F9FB",
    "100": "#EFF2F6",
    "200": "#E1E6EC",
    "300": "#CBD3DD",
    "400": "#98A4B4",
    "500": "#5A687D",  # subtle text: 4.5:1 also on base-50
    "600": "#4A586C",
    "700": "#364356",
    "800": "#202B3B",
    "900": "#121A27",
    "950": "#0B111B",
}
PRIMARY = {
    "50": "#EEF7FB",
    "100": "#D8ECF5",
    "200": "#B3D9EA",
    "300": "#7FC0DB",
    "400": "#47A3C7",
    "500": "#3AA8D1",
    "600": "#0B6E99",
    "700": "#0A5A7E",
    "800": "#0D4A67",
    "900": "#113E56",
    "950": "#0A2739",
}
FONT = {
    "subtle-light": "var(--color-base-500)",
    "subtle-dark": "var(--color-base-400)",
    "default-light": "var(--color-base-600)",
    "default-dark": "var(--color-base-300)",
    "important-light": "var(--color-base-900)",
    "important-dark": "var(--color-base-100)",
}


def colors(request: HttpRequest) -> dict[str, dict[str, str]]:
    """A fresh copy each time: unfold converts the values in place."""
    return {"base": {**BASE}, "primary": {**PRIMARY}, "font": {**FONT}}


def tenant_of(request: HttpRequest) -> Any:
    return getattr(request, "tenant", None)


def company(request: HttpRequest) -> str:
    tenant = tenant_of(request)
    return tenant.name if tenant else "Pulso"


def title(request: HttpRequest) -> str:
    tenant = tenant_of(request)
    return f"{tenant.name} · Pulso" if tenant else "Pulso"


def environment(request: HttpRequest) -> list[Any] | None:
    tenant = tenant_of(request)
    return [_("Demonstration"), "info"] if tenant and tenant.is_demo else None


def companies(request: HttpRequest) -> list[dict[str, Any]] | None:
    """The switcher, for a person who works in several companies."""
    places, tenant = getattr(request, "workplaces", []), tenant_of(request)
    if tenant is None or len(places) < 2:  # noqa: PLR2004 - nothing to choose between
        return None
    return [
        {
            "title": place.name,
            "link": str(place.public_id),
            "icon": "check" if place.tenant_id == tenant.pk else "apartment",
        }
        for place in places
    ]


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the sidebar. It is left out while its page does not exist."""

    text: Any  # a lazy translation
    icon: str
    route: str
    permission: str = ""
    trades: frozenset[str] = frozenset()  # none: all


METERING = frozenset({"energy", "plans"})
NAVIGATION: tuple[tuple[Any, list[Item]], ...] = (
    (None, [Item(_("Home"), "home", "index")]),
    (
        _("Serve"),
        [
            Item(_("Clients"), "group", "clients_client_changelist", "clients.view_client"),
            Item(_("Messages"), "chat", "messaging_message_changelist", "messaging.view_message"),
        ],
    ),
    (
        _("Collect"),
        [
            Item(
                _("Invoices"), "receipt_long", "billing_invoice_changelist", "billing.view_invoice"
            ),
            Item(_("Plans"), "sell", "billing_plan_changelist", "billing.view_plan"),
        ],
    ),
    (
        _("Measure"),
        [
            Item(_("Meters"), "speed", "meters_meter_changelist", "meters.view_meter", METERING),
            Item(
                _("Health of the meters"),
                "sensors",
                "meters_health",
                "meters.view_meter",
                METERING,
            ),
            Item(
                _("Alarms"),
                "notifications",
                "meters_alarmevent_changelist",
                "meters.view_alarmevent",
                METERING,
            ),
            Item(
                _("Suspect readings"),
                "rule",
                "meters_meterexception_changelist",
                "meters.view_meterexception",
                METERING,
            ),
            Item(
                _("Register events"),
                "restart_alt",
                "meters_registerevent_changelist",
                "meters.view_registerevent",
                METERING,
            ),
        ],
    ),
    (
        _("Care"),
        [
            Item(_("System health"), "ecg_heart", "health", "clients.change_client"),
            Item(_("Audit"), "history", "audit", "clients.change_tenant"),
            Item(_("Settings"), "settings", "settings", "clients.view_tenant"),
        ],
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar follows the work; a group without anything to show is left out."""
    tenant = tenant_of(request)
    groups = []
    for name, items in NAVIGATION:
        shown = []
        for item in items:
            is_used = not item.trades or (tenant is not None and tenant.trade in item.trades)
            if is_used and (link := address(item.route)) and may(request, item.permission):
                shown.append({"title": item.text, "icon": item.icon, "link": link})
        if shown:
            groups.append({"title": name, "separator": bool(name), "items": shown})
    return groups


def may(request: HttpRequest, permission: str) -> bool:
    return not permission or request.user.has_perm(permission)


def address(route: str) -> str | None:
    try:
        return reverse(f"admin:{route}")
    except NoReverseMatch:
        return None


KEYS = {
    "i": ("index", _("home"), ""),
    "c": ("clients_client_changelist", _("clients"), "clients.view_client"),
    "f": ("billing_invoice_changelist", _("invoices"), "billing.view_invoice"),
    "m": ("meters_meter_changelist", _("meters"), "meters.view_meter"),
}


def everywhere(request: HttpRequest) -> dict[str, Any]:
    """What every page gets: where the keys go."""
    if tenant_of(request) is None:
        return {}
    found = [(key, address(route), name, right) for key, (route, name, right) in KEYS.items()]
    return {
        "shortcuts": [(k, link, name) for k, link, name, r in found if link and may(request, r)]
    }


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": title,
    "SITE_HEADER": company,
    "SITE_SUBHEADER": lambda _request: "Pulso",
    "SITE_SYMBOL": lambda _request: "monitor_heart",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("pulso/icon.svg"),
        }
    ],
    "SITE_DROPDOWN": companies,
    "SHOW_LANGUAGES": True,
    "LANGUAGES": {"action": lambda _request: address("language")},
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "BORDER_RADIUS": lambda _request: "8px",
    "ENVIRONMENT": environment,
    "COLORS": colors,
    "STYLES": [lambda _request: static("pulso/pulso.css")],
    "SCRIPTS": [lambda _request: static("pulso/boot.js")],
    "GLOBAL_CALLBACK": "config.unfold.everywhere",
    "DASHBOARD_CALLBACK": "clients.admin.home.context",
    "COMMAND": {
        "search_models": False,
        "search_callback": "clients.admin.search.search",
        "show_history": True,
    },
    "SIDEBAR": {"show_search": True, "command_search": True, "navigation": navigation},
}


def platform_navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Everything that those who run the service look after, by what it is for."""
    from clients.kernel.sites import platform_site

    groups = [
        (_("Companies"), ("clients_tenant", "clients_user", "clients_membership")),
        (
            _("Sign-in"),
            ("axes_accessattempt", "axes_accessfailurelog", "otp_totp_totpdevice"),
        ),
        (_("Schedule"), ("django_celery_beat_periodictask",)),
    ]
    by_name = {
        f"{model._meta.app_label}_{model._meta.model_name}": model
        for model in platform_site._registry
    }
    named = {name for _, names in groups for name in names}
    rest = tuple(name for name in by_name if name not in named)
    found = []
    for title_, names in [*groups, (_("Tables of packages"), rest)]:
        items = [
            {
                "title": str(by_name[name]._meta.verbose_name_plural).capitalize(),
                "icon": "table_rows",
                "link": reverse(f"platform:{name}_changelist"),
            }
            for name in names
            if name in by_name
        ]
        if items:
            found.append({"title": title_, "separator": True, "items": items})
    return found


UNFOLD_PLATFORM: dict[str, Any] = {
    **UNFOLD,
    "SITE_TITLE": lambda _request: "Pulso",
    "SITE_HEADER": lambda _request: _("Platform"),
    "SITE_DROPDOWN": None,
    "LANGUAGES": {"action": None},
    "GLOBAL_CALLBACK": None,
    "DASHBOARD_CALLBACK": "clients.admin.platform.overview",
    "COMMAND": {"search_models": False, "search_callback": None, "show_history": False},
    "SIDEBAR": {"show_search": False, "command_search": False, "navigation": platform_navigation},
}
