from __future__ import annotations

from django.urls import include, path

from clients.kernel.api import Router
from meters.api import (
    alarms,
    brokers,
    chirpstack,
    clocks,
    connections,
    forwarding,
    peak_hours,
    readings_in_out,
    register_events,
    set_apart,
    validation,
    views,
)
from meters.api.clock import TimeView

router = Router()
router.register("sites", views.SiteViewSet, basename="site")
router.register("metering-points", views.MeteringPointViewSet, basename="metering-point")
router.register("meters", views.MeterViewSet, basename="meter")
router.register("device-keys", views.DeviceKeyViewSet, basename="device-key")
router.register("peak-hours", peak_hours.PeakHoursViewSet, basename="peak-hours")
router.register("holidays", peak_hours.HolidayViewSet, basename="holiday")
router.register("connections", connections.ConnectionViewSet, basename="connection")
router.register("mqtt-brokers", brokers.MqttBrokerViewSet, basename="mqtt-broker")
router.register("forwarders", forwarding.ForwarderViewSet, basename="forwarder")
router.register("meter-clocks", clocks.MeterClockViewSet, basename="meter-clock")
router.register("quarantine", set_apart.QuarantineViewSet, basename="quarantine")
router.register("conflicts", set_apart.ConflictViewSet, basename="conflict")
router.register("alarm-rules", alarms.AlarmRuleViewSet, basename="alarm-rule")
router.register("alarm-events", alarms.AlarmEventViewSet, basename="alarm-event")
router.register("meter-exceptions", validation.MeterExceptionViewSet, basename="meter-exception")
router.register("validation-rules", validation.ValidationRuleViewSet, basename="validation-rule")
router.register("reading-imports", readings_in_out.ReadingImportViewSet, basename="reading-import")
router.register("reading-exports", readings_in_out.ReadingExportViewSet, basename="reading-export")
router.register("meter-events", register_events.RegisterEventViewSet, basename="meter-event")
router.register("meter-estimates", register_events.EstimateViewSet, basename="meter-estimate")
router.register("meter-edits", register_events.EditViewSet, basename="meter-edit")

urlpatterns = [
    path("", include(router.urls)),
    path("time", TimeView.as_view(), name="time"),
    path("cron/poll", connections.cron_poll, name="cron_poll"),
    path("webhooks/chirpstack", chirpstack.chirpstack, name="chirpstack"),
    path("webhooks/chirpstack/<str:token>", chirpstack.chirpstack, name="chirpstack_by_address"),
]
