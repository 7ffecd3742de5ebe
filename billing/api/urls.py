from __future__ import annotations

from django.urls import include, path

from billing.api import views, webhooks
from clients.kernel.api import Router

router = Router()
router.register("plans", views.PlanViewSet, basename="plan")
router.register("subscriptions", views.SubscriptionViewSet, basename="subscription")
router.register("invoices", views.InvoiceViewSet, basename="invoice")
router.register("payments", views.PaymentViewSet, basename="payment")
router.register("billing-runs", views.BillingRunViewSet, basename="billing-run")
router.register("held-invoices", views.HeldInvoiceViewSet, basename="held-invoice")
router.register("gateway-accounts", views.GatewayAccountViewSet, basename="gateway-account")

urlpatterns = [
    path("", include(router.urls)),
    path("webhooks/pix/<str:token>/pix", webhooks.pix, name="pix_webhook"),
]
