from __future__ import annotations

from django.urls import include, path

from clients.api import auth_views, views
from clients.kernel.api import Router

router = Router()
router.register("clients", views.ClientViewSet, basename="client")
router.register("memberships", views.MembershipViewSet, basename="membership")
router.register("files", views.StoredFileViewSet, basename="file")

urlpatterns = [
    path("", include(router.urls)),
    path("tenant", views.TenantProfileView.as_view(), name="tenant"),
    path("me", auth_views.MeView.as_view(), name="me"),
    path("auth/token", auth_views.TokenView.as_view(), name="token"),
    path("auth/refresh", auth_views.RefreshView.as_view(), name="refresh"),
    path("auth/revoke", auth_views.RevokeView.as_view(), name="revoke"),
    path("auth/password", auth_views.PasswordView.as_view(), name="password"),
    path(
        "auth/sign-out-everywhere", auth_views.SignOutEverywhereView.as_view(), name="sign_out_all"
    ),
]
