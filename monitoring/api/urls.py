from __future__ import annotations

from django.urls import path

from monitoring.api import views

urlpatterns = [path("audit", views.AuditView.as_view(), name="audit")]
