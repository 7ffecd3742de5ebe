"""How a meter is reached, and how that goes."""

from __future__ import annotations

import json
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.fields import EncryptedTextField
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from meters.drivers.base import BadTarget, Target
from meters.drivers.checks import FIELDS, complaint
from meters.drivers.modbus import profile_of
from meters.models.connection_words import COMPLAINTS
from meters.models.meter import Meter
from meters.models.quantities import QUANTITIES

LONGEST_OPTIONS: Final = 20_000
LAST_UNIT: Final = 247
UNITS: Final = {quantity.name: quantity.unit for quantity in QUANTITIES}
LONGEST_WAIT_S: Final = 86_400


class ConnectionDriver(models.TextChoices):
    MODBUS = "modbus", _("Modbus")
    TASMOTA = "tasmota", _("Tasmota (MQTT)")
    SHELLY = "shelly", _("Shelly (MQTT)")
    ZIGBEE2MQTT = "zigbee2mqtt", _("Zigbee2MQTT")
    CHIRPSTACK = "chirpstack", _("ChirpStack (LoRaWAN)")
    TUYA = "tuya", _("Tuya, in the local network")
    TUYA_CLOUD = "tuya_cloud", _("Tuya, through its cloud")


class Transport(models.TextChoices):
    TCP = "tcp", _("TCP")
    RTU_OVER_TCP = "rtu_over_tcp", _("RTU over TCP")
    SERIAL = "serial", _("Serial line")


class Parity(models.TextChoices):
    NONE = "N", _("None")
    EVEN = "E", _("Even")
    ODD = "O", _("Odd")


class ConnectionState(models.TextChoices):
    NEW = "new", _("Not read yet")
    OK = "ok", _("Answering")
    FAILING = "failing", _("Not answering")
    WRONG = "wrong", _("Wrong profile")
    PAUSED = "paused", _("Paused")


RUNNING: Final = (
    "state",
    "last_ok_at",
    "last_tried_at",
    "last_error",
    "error_facts",
    "failures",
    "due_at",
    "leased_until",
    "leased_by",
    "lease_number",
)


@audited(exclude=("secrets", *RUNNING))
class Connection(TenantModel, PublicIdModel):
    """How one meter is reached. Connections with the same `bus` are asked one at a time."""

    meter = TenantForeignKey(
        Meter, models.CASCADE, related_name="connections", verbose_name=_("meter")
    )
    driver = models.CharField(
        _("driver"), max_length=16, choices=ConnectionDriver, default=ConnectionDriver.MODBUS
    )
    profile = models.CharField(
        _("profile"),
        max_length=40,
        blank=True,
        help_text=_("Which registers the device has, and what they mean."),
    )
    transport = models.CharField(
        _("transport"), max_length=12, choices=Transport, default=Transport.TCP
    )
    host = models.CharField(_("host"), max_length=255, blank=True)
    port = models.PositiveIntegerField(
        _("port"), default=502, validators=[MinValueValidator(1), MaxValueValidator(65_535)]
    )
    serial_path = models.CharField(_("serial port"), max_length=200, blank=True)
    baud = models.PositiveIntegerField(
        _("baud"), default=9_600, validators=[MinValueValidator(300), MaxValueValidator(921_600)]
    )
    parity = models.CharField(_("parity"), max_length=1, choices=Parity, default=Parity.NONE)
    stop_bits = models.PositiveSmallIntegerField(
        _("stop bits"), default=1, validators=[MinValueValidator(1), MaxValueValidator(2)]
    )
    unit_id = models.PositiveSmallIntegerField(
        _("unit"),
        default=1,
        validators=[MaxValueValidator(255)],
        help_text=_("The device's number on its bus, from 1 to 247."),
    )
    address = models.CharField(
        _("device's name"),
        max_length=200,
        blank=True,
        help_text=_("A topic or a device id, for drivers that have one."),
    )
    timeout_ms = models.PositiveIntegerField(
        _("waits for an answer (ms)"),
        default=3_000,
        validators=[MinValueValidator(50), MaxValueValidator(60_000)],
    )
    poll_every_seconds = models.PositiveIntegerField(
        _("asked every (s)"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_WAIT_S)],
    )
    options = models.JSONField(_("driver's options"), default=dict, blank=True)
    secrets = EncryptedTextField(
        _("secrets"), blank=True, help_text=_("JSON; it is kept encrypted and never shown.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    bus = models.CharField(max_length=270, editable=False, default="", blank=True)
    state = models.CharField(
        _("state"),
        max_length=8,
        choices=ConnectionState,
        default=ConnectionState.NEW,
        editable=False,
    )
    last_ok_at = models.DateTimeField(_("last answer"), null=True, editable=False)
    last_tried_at = models.DateTimeField(_("last tried"), null=True, editable=False)
    last_error = models.CharField(max_length=40, blank=True, editable=False, default="")
    error_facts = models.JSONField(default=dict, editable=False, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    due_at = models.DateTimeField(null=True, db_default=Now(), editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    leased_by = models.CharField(max_length=40, blank=True, editable=False, default="")
    lease_number = models.BigIntegerField(default=0, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        ordering = ["meter__serial", "id"]
        indexes = [
            models.Index(fields=["due_at"], name="meters_connection_by_due"),
            models.Index(fields=["bus"], name="meters_connection_by_bus"),
            models.Index(fields=["tenant", "driver", "address"], name="meters_connection_by_name"),
        ]
        constraints = [
            one_of("driver", ConnectionDriver),
            one_of("transport", Transport),
            one_of("parity", Parity),
            one_of("state", ConnectionState),
            models.UniqueConstraint(
                fields=["tenant", "meter", "driver"],
                name="meters_connection_once",
                violation_error_message=_("This meter already has a connection with this driver."),
                violation_error_code="connection_taken",
            ),
            models.CheckConstraint(
                condition=models.Q(poll_every_seconds__range=(1, LONGEST_WAIT_S)),
                name="meters_connection_every_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.meter} · {self.where}"

    @property
    def where(self) -> str:
        """Where the device is, as people say it."""
        place = self.serial_path if self.transport == Transport.SERIAL else self.host
        port = "" if self.transport == Transport.SERIAL or not self.host else f":{self.port}"
        return f"{place}{port}" or self.address

    def clean(self) -> None:
        """What the driver needs, told before anybody asks in vain."""
        wrong: dict[str, Any] = {}
        if not isinstance(self.options, dict) or len(json.dumps(self.options)) > LONGEST_OPTIONS:
            wrong["options"] = _("Write the options as a JSON object.")
        if not _is_object(self.secrets):
            wrong["secrets"] = _("Write the secrets as a JSON object.")
        if self.driver == ConnectionDriver.MODBUS and not wrong:
            wrong |= self._wrong_for_modbus()
        elif not wrong and (code := complaint(self.driver, self._target(), UNITS)):
            said = COMPLAINTS.get(code, _("The settings of the connection cannot work."))
            wrong[FIELDS.get(code, "options")] = said
        if wrong:
            raise ValidationError(wrong)

    def _target(self) -> Target:
        return Target(
            profile=self.profile,
            host=self.host,
            port=self.port,
            address=self.address,
            options=self.options,
            secrets=json.loads(self.secrets) if self.secrets else {},
        )

    def _wrong_for_modbus(self) -> dict[str, Any]:
        wrong: dict[str, Any] = {}
        is_serial = self.transport == Transport.SERIAL
        if is_serial and not self.serial_path:
            wrong["serial_path"] = _("A serial line needs its port, such as /dev/ttyUSB0.")
        if not is_serial and not self.host:
            wrong["host"] = _("Type the address of the device or of its gateway.")
        if self.transport != Transport.TCP and not 1 <= self.unit_id <= LAST_UNIT:
            wrong["unit_id"] = _("On a bus, units are numbered from 1 to 247.")
        try:
            profile_of(Target(profile=self.profile, options=self.options))
        except BadTarget as error:
            if error.error_code == "no_profile":
                wrong["profile"] = _("There is no such profile.")
            else:
                wrong["options"] = _("The registers cannot be understood: %(why)s.") % {
                    "why": error
                }
        return wrong

    def save(self, *args: Any, **options: Any) -> None:
        """Also says anew which bus this is.

        What runs (state, turn, lease) is only written when `update_fields` names it: a poller may
        have gone on since the row was read.
        """
        self.bus = self.where.lower()
        fields = options.get("update_fields")
        if fields is None and not self._state.adding:
            kept = {"id", "tenant", *RUNNING}
            names = (field.name for field in self._meta.concrete_fields)
            options["update_fields"] = [name for name in names if name not in kept]
        elif fields is not None:
            options["update_fields"] = {*fields, "bus"}
        super().save(*args, **options)


def _is_object(text: str | None) -> bool:
    try:
        return not text or isinstance(json.loads(text), dict)
    except ValueError:
        return False
