"""MQTT brokers on which a tenant's devices speak, and what was heard there."""

from __future__ import annotations

from typing import Final

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.fields import EncryptedTextField
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantModel


class BrokerState(models.TextChoices):
    NEW = "new", _("Not connected yet")
    CONNECTED = "connected", _("Connected")
    FAILING = "failing", _("Not reachable")


HEARD: Final = (
    "state",
    "connected_at",
    "heard_at",
    "last_error",
    "failures",
    "messages",
    "readings",
    "malformed",
    "unknown",
    "undated",
    "last_malformed",
    "leased_by",
    "leased_until",
)


@audited(exclude=("password", *HEARD))
class MqttBroker(TenantModel, PublicIdModel):
    """A broker and our account there. Its process holds it by a lease."""

    name = models.CharField(_("name"), max_length=80)
    host = models.CharField(_("host"), max_length=255)
    port = models.PositiveIntegerField(
        _("port"), default=1883, validators=[MinValueValidator(1), MaxValueValidator(65_535)]
    )
    is_tls = models.BooleanField(
        _("encrypted (TLS)"), default=False, help_text=_("Usually on port 8883.")
    )
    username = models.CharField(_("user"), max_length=200, blank=True)
    password = EncryptedTextField(_("password"), blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    state = models.CharField(
        _("state"), max_length=9, choices=BrokerState, default=BrokerState.NEW, editable=False
    )
    connected_at = models.DateTimeField(_("connected since"), null=True, editable=False)
    heard_at = models.DateTimeField(_("last message"), null=True, editable=False)
    last_error = models.CharField(max_length=40, blank=True, default="", editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    messages = models.BigIntegerField(_("messages"), default=0, editable=False)
    readings = models.BigIntegerField(_("readings"), default=0, editable=False)
    malformed = models.BigIntegerField(_("not understood"), default=0, editable=False)
    unknown = models.BigIntegerField(_("of nobody"), default=0, editable=False)
    undated = models.BigIntegerField(_("without a time"), default=0, editable=False)
    last_malformed = models.JSONField(default=dict, blank=True, editable=False)
    leased_by = models.CharField(max_length=40, blank=True, default="", editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("MQTT broker")
        verbose_name_plural = _("MQTT brokers")
        ordering = ["name", "id"]
        constraints = [
            one_of("state", BrokerState),
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="meters_mqttbroker_name_once",
                violation_error_message=_("Another broker has this name."),
                violation_error_code="name_taken",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def where(self) -> str:
        """The broker's address, as people say it."""
        return f"{self.host}:{self.port}"
