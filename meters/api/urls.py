from __future__ import annotations

from django.urls import include, path

from clients.kernel.api import Router
from meters.api import alarms, views

router = Router()
router.register("sites", views.SiteViewSet, basename="site")
router.register("metering-points", views.MeteringPointViewSet, basename="metering-point")
router.register("meters", views.MeterViewSet, basename="meter")
router.register("device-keys", views.DeviceKeyViewSet, basename="device-key")
router.register("alarm-rules", alarms.AlarmRuleViewSet, basename="alarm-rule")
router.register("alarm-events", alarms.AlarmEventViewSet, basename="alarm-event")

urlpatterns = [path("", include(router.urls))]
