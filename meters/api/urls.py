from __future__ import annotations

from django.urls import include, path

from clients.kernel.api import Router
from meters.api import peak_hours, views

router = Router()
router.register("sites", views.SiteViewSet, basename="site")
router.register("metering-points", views.MeteringPointViewSet, basename="metering-point")
router.register("meters", views.MeterViewSet, basename="meter")
router.register("device-keys", views.DeviceKeyViewSet, basename="device-key")
router.register("peak-hours", peak_hours.PeakHoursViewSet, basename="peak-hours")
router.register("holidays", peak_hours.HolidayViewSet, basename="holiday")

urlpatterns = [path("", include(router.urls))]
