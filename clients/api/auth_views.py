"""Signing in, staying in and getting out. Answers here keep the transaction: a failed attempt
and a reused token must be remembered although the answer is a refusal."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from clients.api.middleware import tenants_of
from clients.api.serializers import (
    CredentialsSerializer,
    MeSerializer,
    NewPasswordSerializer,
    RefreshSerializer,
    TokensSerializer,
)
from clients.kernel import ratelimits
from clients.kernel.api import ApiView
from clients.kernel.api_errors import Refusal
from clients.models import User
from clients.services.sign_in import (
    change_password,
    end_sessions,
    issue_tokens,
    refresh_tokens,
    revoke_token,
)


class OpenView(ApiView):
    """For visitors: no session, no tenant, no CSRF; a stricter limit per address."""

    authentication_classes: Any = ()
    permission_classes: Any = ()
    rate_groups = ("sign_in",)
    is_idempotent = False

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        response: HttpResponseBase = super().finalize_response(*args, **kwargs)
        response.keeps_transaction = True  # type: ignore[attr-defined] # read by TenantMiddleware
        response["Cache-Control"] = "no-store"
        return response


class TokenView(OpenView):
    @extend_schema(
        operation_id="auth_token", request=CredentialsSerializer, responses=TokensSerializer
    )
    def post(self, request: Request) -> Response:
        """Sign in with e-mail and password. Five failures lock the pair of e-mail and address."""
        given = CredentialsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        email = given.validated_data["email"].lower()
        ratelimits.count(request._request, "sign_in_account", email)
        inner: Any = request._request
        user = authenticate(inner, username=email, password=given.validated_data["password"])
        if getattr(inner, "axes_locked_out", False):
            inner.axes_locked_out = False  # answered here, in the API's shape
            raise Refusal(
                429,
                "locked_out",
                _("Too many wrong passwords. Try again in 15 minutes."),
                wait_s=900,
            )
        if not isinstance(user, User):
            raise Refusal(401, "wrong_credentials", _("The e-mail or the password is wrong."))
        return Response(TokensSerializer(issue_tokens(user)).data)


class RefreshView(OpenView):
    @extend_schema(
        operation_id="auth_refresh", request=RefreshSerializer, responses=TokensSerializer
    )
    def post(self, request: Request) -> Response:
        """Exchange a refresh token, which works once. Using it again ends every session."""
        given = RefreshSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(TokensSerializer(refresh_tokens(given.validated_data["refresh"])).data)


class RevokeView(OpenView):
    @extend_schema(operation_id="auth_revoke", request=RefreshSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """End one refresh token."""
        given = RefreshSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        revoke_token(given.validated_data["refresh"])
        return Response(status=204)


class SignOutEverywhereView(ApiView):
    @extend_schema(operation_id="auth_sign_out_everywhere", request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """End all of one's tokens and sessions, this one included."""
        end_sessions(_user(request))
        return Response(status=204)


class PasswordView(ApiView):
    rate_groups = ("sign_in", "user")

    @extend_schema(
        operation_id="auth_password", request=NewPasswordSerializer, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        """Change one's password; every token and session ends."""
        given = NewPasswordSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        change_password(
            _user(request),
            old=given.validated_data["old_password"],
            new=given.validated_data["new_password"],
        )
        return Response(status=204)


class MeView(ApiView):
    @extend_schema(operation_id="me", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Who is signed in, and in which companies they work."""
        inner: Any = request._request
        user = _user(request)
        user.memberships = [  # type: ignore[attr-defined] # only for the serializer
            {
                "id": place.public_id,
                "name": place.name,
                "is_open": (is_open := bool(inner.tenant and inner.tenant.pk == place.tenant_id)),
                "role": inner.membership.role if is_open else None,
            }
            for place in tenants_of(user)
        ]
        return Response(MeSerializer(user).data)


def _user(request: Request) -> User:
    if not isinstance(request.user, User):
        raise Refusal(401, "not_authenticated", _("Sign in first."))
    return request.user
