from __future__ import annotations

from django.urls import include, path

from clients.kernel.api import Router
from messaging.api import views
from messaging.api.webhooks import webhook

app_name = "messaging"
router = Router()
router.register("messages", views.MessageViewSet, basename="message")
router.register("message-templates", views.TemplateViewSet, basename="template")
router.register("channel-accounts", views.ChannelAccountViewSet, basename="account")

urlpatterns = [
    path("", include(router.urls)),
    path("message-kinds", views.KindView.as_view(), name="kinds"),
    path("messaging/webhooks/<str:token>", webhook, name="webhook"),
]
