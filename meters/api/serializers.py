from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from clients.kernel.api_fields import (
    PublicIdField,
    PublicKeyField,
    StrictInstant,
    StrictInteger,
    StrictSerializer,
    StrictText,
    TenantSerializer,
)
from clients.models import Client
from meters.models import DeviceKey, Installation, Meter, MeteringPoint, Site
from meters.models.quantities import NAMES, shortest
from meters.services.installations import keep_meter

LARGEST_REGISTER = 10**15
MOST_MULTIPLIER = Decimal(1_000_000)
LONGEST_PERIOD = timedelta(days=5 * 366)


class SiteSerializer(TenantSerializer):
    """A place of a client. Its `time_zone` says when its days begin, its distributor which hours
    are peak."""

    id = PublicIdField()
    client = PublicKeyField(Client)

    class Meta:
        model = Site
        fields = [
            "id",
            "client",
            "name",
            "time_zone",
            "address",
            "city",
            "distributor",
            "created_at",
        ]
        read_only_fields = ["created_at"]


class MeteringPointSerializer(TenantSerializer):
    """What is measured and billed at a site. Meters serve it one after another."""

    id = PublicIdField()
    site = PublicKeyField(Site)

    class Meta:
        model = MeteringPoint
        fields = ["id", "site", "name", "kind", "nominal_voltage_v", "created_at"]
        read_only_fields = ["created_at"]


class MeterSerializer(TenantSerializer):
    """A device. `digits` and `register_step` say when its register is full; what `max_power_w` or
    `max_flow_l_per_h` cannot deliver is not believed."""

    id = PublicIdField()

    class Meta:
        model = Meter
        fields = [
            "id",
            "serial",
            "model",
            "kind",
            "digits",
            "register_step",
            "max_power_w",
            "max_flow_l_per_h",
            "sample_seconds",
            "reports_every_seconds",
            "is_active",
            "created_at",
        ]
        read_only_fields = ["created_at"]

    def store(self, instance: Meter, values: dict[str, Any]) -> Meter:
        return keep_meter(super().store(instance, values), values)


class InstallationSerializer(TenantSerializer):
    """A meter that serves a metering point from `starts_at` until `ends_at`, null while it does."""

    id = PublicIdField()
    meter = PublicKeyField(read_only=True)
    metering_point = PublicKeyField(read_only=True)

    class Meta:
        model = Installation
        fields = [
            "id",
            "meter",
            "metering_point",
            "starts_at",
            "ends_at",
            "start_register",
            "end_register",
            "multiplier",
        ]


def multiplier_field(**how: Any) -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=12,
        decimal_places=4,
        min_value=Decimal("0.0001"),
        max_value=MOST_MULTIPLIER,
        required=False,
        help_text="CT × PT: what one unit of the register stands for.",
        **how,
    )


def register_field() -> StrictInteger:
    return StrictInteger(
        min_value=0,
        max_value=LARGEST_REGISTER,
        required=False,
        allow_null=True,
        default=None,
        help_text="In Wh or litres.",
    )


class InstallSerializer(StrictSerializer):
    """Which point a meter serves, and since when."""

    metering_point = PublicKeyField(MeteringPoint)
    at = StrictInstant()
    start_register = register_field()
    multiplier = multiplier_field(default=Decimal(1))


class ExchangeSerializer(StrictSerializer):
    """Which meter takes over, when, and what both registers showed."""

    meter = PublicKeyField(Meter)
    at = StrictInstant()
    end_register = register_field()
    start_register = register_field()
    multiplier = multiplier_field(allow_null=True, default=None)


class DeviceKeySerializer(TenantSerializer):
    """A key for the ingest endpoint. `time_zone`, `epoch_unit` and `stamps_arrival` declare how its
    devices tell time; without a declaration nothing is guessed."""

    id = PublicIdField()
    meters = PublicKeyField(Meter, many=True)

    class Meta:
        model = DeviceKey
        fields = [
            "id",
            "name",
            "prefix",
            "meters",
            "rate_per_minute",
            "time_zone",
            "epoch_unit",
            "stamps_arrival",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "created_at",
        ]
        read_only_fields = ["prefix", "expires_at", "revoked_at", "last_used_at", "created_at"]


class NewKeySerializer(StrictSerializer):
    """The key is in `secret`, this once and never again."""

    key = DeviceKeySerializer()
    secret = StrictText()


class PeriodSerializer(StrictSerializer):
    """From an instant (in) to another (out)."""

    start = StrictInstant()
    end = StrictInstant()

    def validate(self, attrs: Any) -> Any:
        if attrs["start"] >= attrs["end"]:
            raise serializers.ValidationError({"end": _("The end must come after the start.")})
        if attrs["end"] - attrs["start"] > LONGEST_PERIOD:
            raise serializers.ValidationError({"end": _("At most five years can be asked for.")})
        return attrs


class DaysQuerySerializer(StrictSerializer):
    """From a day (in) to another (out), at most 400 days."""

    start = serializers.DateField()
    end = serializers.DateField()

    def validate(self, attrs: Any) -> Any:
        if not timedelta() < attrs["end"] - attrs["start"] <= timedelta(days=400):
            raise serializers.ValidationError({"end": _("Ask for 1 to 400 days.")})
        return attrs


class ReadingSerializer(serializers.Serializer[Any]):
    """What a meter said at an instant; quantities that it did not mention are left out."""

    measured_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()

    def to_representation(self, instance: Any) -> Any:
        said = {name: getattr(instance, name) for name in (*NAMES, "extra")}
        return {
            **super().to_representation(instance),
            **{name: value for name, value in said.items() if value is not None},
        }


class ReadingPageSerializer(serializers.Serializer[Any]):
    """A page of readings; ask again with `start=next_start`, which is null on the last one."""

    results = ReadingSerializer(many=True)
    next_start = serializers.DateTimeField(allow_null=True)


class ShortestField(serializers.FloatField):
    """A value that came from four bytes, with no more digits than those hold."""

    def to_representation(self, value: Any) -> Any:
        return shortest(value)


class DaySerializer(serializers.Serializer[Any]):
    """A local day of a meter, in its site's zone. Energy in watt-seconds is exact."""

    day = serializers.DateField()
    energy_import_ws = serializers.IntegerField(allow_null=True)
    energy_export_ws = serializers.IntegerField(allow_null=True)
    volume_ml = serializers.IntegerField(allow_null=True)
    power_max_w = ShortestField(allow_null=True)
    seconds_covered = serializers.IntegerField()
    seconds_estimated = serializers.IntegerField()
    seconds_expected = serializers.IntegerField()
    rule = serializers.CharField()


class EnergySerializer(serializers.Serializer[Any]):
    """What a metering point used, how complete that is, and what it rests on."""

    energy_wh = serializers.IntegerField()
    energy_export_wh = serializers.IntegerField()
    volume_l = serializers.IntegerField()
    completeness_percent = serializers.DecimalField(max_digits=5, decimal_places=2)
    evidence = serializers.DictField()
