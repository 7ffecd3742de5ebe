from __future__ import annotations

from django.urls import include, path

from clients.kernel.api import Router
from meters.api import readings_in_out, views

router = Router()
router.register("sites", views.SiteViewSet, basename="site")
router.register("metering-points", views.MeteringPointViewSet, basename="metering-point")
router.register("meters", views.MeterViewSet, basename="meter")
router.register("device-keys", views.DeviceKeyViewSet, basename="device-key")
router.register("reading-imports", readings_in_out.ReadingImportViewSet, basename="reading-import")
router.register("reading-exports", readings_in_out.ReadingExportViewSet, basename="reading-export")

urlpatterns = [path("", include(router.urls))]
