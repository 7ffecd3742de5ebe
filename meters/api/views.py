from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from clients.kernel.api import ChangeRow, CreateRow, DeleteRow, TenantViewSet
from clients.kernel.api_lists import chosen_limit
from clients.kernel.periods import Period
from clients.kernel.tenancy import actor_label
from meters.api.answers import MeterAnswers, PointAnswers
from meters.api.disregarding import LeavesOut
from meters.api.filters import DeviceKeyFilter, MeterFilter, MeteringPointFilter, SiteFilter
from meters.api.serializers import (
    DaySerializer,
    DaysQuerySerializer,
    DeviceKeySerializer,
    EnergySerializer,
    ExchangeSerializer,
    InstallationSerializer,
    InstallSerializer,
    MeteringPointSerializer,
    MeterSerializer,
    NewKeySerializer,
    PeriodSerializer,
    ReadingPageSerializer,
    SiteSerializer,
)
from meters.models import DayTotal, DeviceKey, Meter, MeteringPoint, Reading, Site
from meters.selectors.energy import metered_energy
from meters.services.installations import exchange_meter, install_meter
from meters.services.keys import create_key, revoke_key, rotate_key, set_meters

CREATED: Final = 201
DECLARED: Final = ("rate_per_minute", "time_zone", "epoch_unit", "stamps_arrival")
PERIOD: Final = [
    OpenApiParameter("start", str, required=True, description="An instant with its offset (in)."),
    OpenApiParameter("end", str, required=True, description="An instant with its offset (out)."),
]


def asked(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The checked query parameters."""
    said = serializer(data=request.query_params.dict())
    said.is_valid(raise_exception=True)
    found: dict[str, Any] = said.validated_data
    return found


def told(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The checked body."""
    said = serializer(data=request.data)
    said.is_valid(raise_exception=True)
    found: dict[str, Any] = said.validated_data
    return found


class SiteViewSet(CreateRow, ChangeRow, DeleteRow, TenantViewSet):
    """Places of clients. A site's time zone says what a day is there."""

    model = Site
    serializer_class = SiteSerializer
    filterset_class = SiteFilter
    ordering_fields, ordering = ("name", "created_at"), "name"

    def get_queryset(self) -> QuerySet[Site]:
        return Site.objects.select_related("client")


class MeteringPointViewSet(PointAnswers, CreateRow, ChangeRow, DeleteRow, TenantViewSet):
    """What is measured and billed, whichever meter serves it."""

    model = MeteringPoint
    serializer_class = MeteringPointSerializer
    filterset_class = MeteringPointFilter
    ordering_fields, ordering = ("name", "created_at"), "name"
    parameters = frozenset({"start", "end"})
    verbs = {"energy": "view", "exchange": "change"}

    def get_queryset(self) -> QuerySet[MeteringPoint]:
        return MeteringPoint.objects.select_related("site")

    @extend_schema(parameters=PERIOD, responses=EnergySerializer)
    @action(detail=True)
    def energy(self, request: Request, **kwargs: Any) -> Response:
        """What the point used, through every exchange of its meter."""
        point: MeteringPoint = self.get_object()
        period = Period(**asked(PeriodSerializer, request))
        used = metered_energy([point.pk], period)[point.pk]
        return Response(EnergySerializer(asdict(used)).data)

    @extend_schema(request=ExchangeSerializer, responses={CREATED: InstallationSerializer})
    @action(detail=True, methods=["post"])
    def exchange(self, request: Request, **kwargs: Any) -> Response:
        """Take the meter down and put another up in its place."""
        point: MeteringPoint = self.get_object()
        said = told(ExchangeSerializer, request)
        installation = exchange_meter(
            point,
            said["meter"],
            at=said["at"],
            end_register=said["end_register"],
            start_register=said["start_register"],
            multiplier=said["multiplier"],
            author=actor_label(),
        )
        return Response(InstallationSerializer(installation).data, status=CREATED)


class MeterViewSet(LeavesOut, MeterAnswers, CreateRow, ChangeRow, TenantViewSet):
    """Devices that measure. One that is not used any more is made inactive, never deleted."""

    model = Meter
    serializer_class = MeterSerializer
    filterset_class = MeterFilter
    ordering_fields, ordering = ("serial", "created_at"), "serial"
    parameters = frozenset({"start", "end", "limit"})
    verbs = {
        "install": "change",
        "readings": "view",
        "days": "view",
        "disregard": "change",
        "regard": "change",
    }

    def get_queryset(self) -> QuerySet[Meter]:
        return Meter.objects.all()

    @extend_schema(request=InstallSerializer, responses={CREATED: InstallationSerializer})
    @action(detail=True, methods=["post"])
    def install(self, request: Request, **kwargs: Any) -> Response:
        """Let the meter serve a metering point from an instant on."""
        meter: Meter = self.get_object()
        said = told(InstallSerializer, request)
        installation = install_meter(
            meter,
            said["metering_point"],
            at=said["at"],
            start_register=said["start_register"],
            multiplier=said["multiplier"],
        )
        return Response(InstallationSerializer(installation).data, status=CREATED)

    @extend_schema(
        parameters=[*PERIOD, OpenApiParameter("limit", int, description="1 to 200.")],
        responses=ReadingPageSerializer,
    )
    @action(detail=True)
    def readings(self, request: Request, **kwargs: Any) -> Response:
        """What the meter said, oldest first."""
        meter: Meter = self.get_object()
        limit = chosen_limit(request)
        query = request.query_params.dict()
        query.pop("limit", None)
        said = PeriodSerializer(data=query)
        said.is_valid(raise_exception=True)
        period = Period(**said.validated_data)
        rows = list(
            Reading.objects.filter(
                meter_id=meter.pk, measured_at__gte=period.start, measured_at__lt=period.end
            ).order_by("measured_at")[: limit + 1]
        )
        following = rows[limit].measured_at if len(rows) > limit else None
        page = {"results": rows[:limit], "next_start": following}
        return Response(ReadingPageSerializer(page).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("start", str, required=True, description="A day (in)."),
            OpenApiParameter("end", str, required=True, description="A day (out)."),
        ],
        responses=DaySerializer(many=True),
    )
    @action(detail=True, pagination_class=None, filterset_class=None)
    def days(self, request: Request, **kwargs: Any) -> Response:
        """Day totals in the site's zone. A day about which nothing is known is not listed."""
        meter: Meter = self.get_object()
        said = asked(DaysQuerySerializer, request)
        rows = DayTotal.objects.filter(
            meter_id=meter.pk, day__gte=said["start"], day__lt=said["end"]
        ).order_by("day")
        return Response(DaySerializer(rows, many=True).data)


class DeviceKeyViewSet(CreateRow, ChangeRow, TenantViewSet):
    """What devices and gateways show to send readings. A key is shown once, when it is made."""

    model = DeviceKey
    serializer_class = DeviceKeySerializer
    filterset_class = DeviceKeyFilter
    ordering_fields, ordering = ("name", "created_at"), "-created_at"
    verbs = {"rotate": "change", "revoke": "change"}
    is_idempotent = False  # the first answer holds the secret, which is kept nowhere

    def get_queryset(self) -> QuerySet[DeviceKey]:
        return DeviceKey.objects.prefetch_related("meters")

    @extend_schema(request=DeviceKeySerializer, responses={CREATED: NewKeySerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a key for these meters. `secret` is shown this once."""
        said = told(DeviceKeySerializer, request)
        declared = {name: said[name] for name in DECLARED if name in said}
        made = create_key(said["name"], said["meters"], **declared)
        return Response(NewKeySerializer(made).data, status=CREATED)

    def perform_update(self, serializer: Any) -> None:
        meters = serializer.validated_data.pop("meters", None)
        serializer.save()
        if meters is not None:
            set_meters(serializer.instance, meters)

    @extend_schema(request=None, responses={CREATED: NewKeySerializer})
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, **kwargs: Any) -> Response:
        """A new key for the same meters; the old one works for seven more days."""
        made = rotate_key(self.get_object(), now=timezone.now())
        return Response(NewKeySerializer(made).data, status=CREATED)

    @extend_schema(request=None, responses=DeviceKeySerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, **kwargs: Any) -> Response:
        """Refuse the key from now on; its devices stop within two seconds."""
        key: DeviceKey = self.get_object()
        revoke_key(key, now=timezone.now())
        return self.answer(key)
