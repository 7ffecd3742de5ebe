from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from clients.models import Client
from meters.models.alarm_metrics import METRICS, Metric, metric_choices
from meters.models.meter import Meter
from meters.models.site import Site

LONGEST: Final = 30 * 86_400
LARGEST: Final = 1e15


class AlarmKind(models.TextChoices):
    THRESHOLD = "threshold", _("A value crosses a limit")
    RATE = "rate", _("A value changes too fast")
    OFFLINE = "offline", _("No data")


class Operator(models.TextChoices):
    ABOVE = ">", _("above")
    AT_LEAST = ">=", _("at or above")
    BELOW = "<", _("below")
    AT_MOST = "<=", _("at or below")
    EQUAL = "==", _("equal to")
    OTHER = "!=", _("other than")


EXACT: Final = (Operator.EQUAL, Operator.OTHER)


class AlarmSeverity(models.TextChoices):
    INFO = "info", _("Information")
    WARNING = "warning", _("Warning")
    CRITICAL = "critical", _("Critical")


class Scope(models.TextChoices):
    """How far a rule reaches; all but the first name a row."""

    TENANT = "tenant", _("All meters")
    CLIENT = "client", _("A client's meters")
    SITE = "site", _("The meters of a site")
    METER = "meter", _("One meter")


class Audience(models.TextChoices):
    """Whose phones ring. The list on the page is always there for everybody."""

    NOBODY = "nobody", _("Nobody")
    OWNERS = "owners", _("Owners")
    MANAGERS = "managers", _("Owners and managers")
    OPERATORS = "operators", _("Owners, managers and operators")


def _only(scope: Scope) -> Q:
    """The row that this scope names is there, and no other."""
    named = {one: scope == one for one in (Scope.CLIENT, Scope.SITE, Scope.METER)}
    return Q(scope=scope, **{f"{one.value}__isnull": not given for one, given in named.items()})


@audited(exclude=("active_since",))
class AlarmRule(TenantModel, PublicIdModel):
    """When the team wants to be told. Watched from `active_since` on, with the data's own time."""

    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(
        _("what happens"), max_length=10, choices=AlarmKind, default=AlarmKind.THRESHOLD
    )
    metric = models.CharField(_("value"), max_length=32, blank=True, choices=metric_choices)
    operator = models.CharField(
        _("is"), max_length=2, choices=Operator, default=Operator.ABOVE, blank=True
    )
    threshold = models.FloatField(_("limit"), null=True, blank=True)
    for_seconds = models.PositiveIntegerField(
        _("for at least (s)"),
        default=0,
        validators=[MaxValueValidator(LONGEST)],
        help_text=_(
            "For “no data”: how long nothing came; 0 means three of the meter's own intervals."
        ),
    )
    window_seconds = models.PositiveIntegerField(
        _("change within (s)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(86_400)],
        help_text=_("For “changes too fast”: over how long the change is measured."),
    )
    hysteresis = models.FloatField(
        _("margin to end"),
        default=0,
        validators=[MinValueValidator(0)],
        help_text=_("How far back past the limit the value must come before the alarm ends."),
    )
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(
            validators=[MaxValueValidator(6)], help_text="0 is Monday."
        ),
        verbose_name=_("only on"),
        default=list,
        blank=True,
        size=7,
        help_text=_("Empty: every day."),
    )
    daily_from = models.TimeField(_("only from"), null=True, blank=True)
    daily_until = models.TimeField(_("until"), null=True, blank=True)
    severity = models.CharField(
        _("severity"), max_length=8, choices=AlarmSeverity, default=AlarmSeverity.WARNING
    )
    scope = models.CharField(_("applies to"), max_length=6, choices=Scope, default=Scope.TENANT)
    client = TenantForeignKey(
        Client, models.PROTECT, null=True, blank=True, related_name="alarm_rules"
    )
    site = TenantForeignKey(Site, models.PROTECT, null=True, blank=True, related_name="alarm_rules")
    meter = TenantForeignKey(
        Meter, models.PROTECT, null=True, blank=True, related_name="alarm_rules"
    )
    tells = models.CharField(_("tells"), max_length=10, choices=Audience, default=Audience.MANAGERS)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    active_since = models.DateTimeField(db_default=Now(), editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("alarm rule")
        verbose_name_plural = _("alarm rules")
        ordering = ["name", "id"]
        constraints = [
            one_of("kind", AlarmKind),
            one_of("severity", AlarmSeverity),
            one_of("scope", Scope),
            one_of("tells", Audience),
            models.CheckConstraint(
                condition=_only(Scope.TENANT)
                | _only(Scope.CLIENT)
                | _only(Scope.SITE)
                | _only(Scope.METER),
                name="meters_alarmrule_scope_names_its_row",
            ),
            models.CheckConstraint(
                condition=Q(kind=AlarmKind.OFFLINE, metric="", threshold__isnull=True)
                | (
                    ~Q(kind=AlarmKind.OFFLINE)
                    & ~Q(metric="")
                    & Q(threshold__isnull=False, threshold__range=(-LARGEST, LARGEST))
                    & Q(operator__in=Operator.values)
                ),
                name="meters_alarmrule_has_a_condition",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind=AlarmKind.RATE,
                    window_seconds__isnull=False,
                    window_seconds__range=(1, 86_400),
                )
                | (~Q(kind=AlarmKind.RATE) & Q(window_seconds__isnull=True)),
                name="meters_alarmrule_window_of_a_rate",
            ),
            models.CheckConstraint(
                condition=Q(hysteresis=0)
                | (Q(hysteresis__range=(0, LARGEST)) & ~Q(operator__in=EXACT)),
                name="meters_alarmrule_hysteresis_has_a_side",
            ),
            models.CheckConstraint(
                condition=Q(daily_from__isnull=True, daily_until__isnull=True)
                | Q(daily_from__isnull=False, daily_until__isnull=False),
                name="meters_alarmrule_hours_have_two_ends",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def watched(self) -> Metric | None:
        """What is looked at; None for a rule about silence."""
        return METRICS.get(self.metric)

    @property
    def holds(self) -> timedelta:
        return timedelta(seconds=self.for_seconds)

    def clean(self) -> None:
        """Take away what does not belong to the kind and scope, and say what is missing."""
        super().clean()
        if self.kind == AlarmKind.OFFLINE:
            self.metric, self.operator, self.threshold, self.hysteresis = "", "", None, 0
        if self.kind != AlarmKind.RATE:
            self.window_seconds = None
        self.weekdays = sorted(set(self.weekdays or []))
        for scope in (Scope.CLIENT, Scope.SITE, Scope.METER):
            if self.scope != scope:
                setattr(self, scope.value, None)
        if missing := self._missing():
            raise ValidationError(missing)

    def _missing(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.kind != AlarmKind.OFFLINE:
            if not self.metric:
                found["metric"] = _("Choose the value to watch.")
            if not self.operator:
                found["operator"] = _("Choose how the value is compared.")
            if self.threshold is None or not abs(self.threshold) <= LARGEST:
                found["threshold"] = _("Give the limit as a number.")
        if self.kind == AlarmKind.RATE and not self.window_seconds:
            found["window_seconds"] = _("Say over how long the change is measured.")
        if self.operator in EXACT and self.hysteresis:
            found["hysteresis"] = _("A margin needs a limit with two sides.")
        if (self.daily_from is None) != (self.daily_until is None):
            found["daily_until"] = _("Give both hours, or none.")
        if self.scope != Scope.TENANT and getattr(self, f"{self.scope}_id", None) is None:
            found[self.scope] = _("Choose which one.")
        return found
