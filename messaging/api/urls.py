from __future__ import annotations

from django.urls import path

from messaging.api.webhooks import webhook

app_name = "messaging"
urlpatterns = [
    path("messaging/webhooks/<str:token>", webhook, name="webhook"),
]
