from __future__ import annotations

from django.urls import path

from billing.api import webhooks

urlpatterns = [
    path("webhooks/pix/<str:token>/pix", webhooks.pix, name="pix_webhook"),
]
