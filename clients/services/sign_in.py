"""Access and refresh tokens. Every token carries the user's session version: raising it ends all
tokens and sessions with the next request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from clients.errors import TokenRefused, TokenReused, WrongPassword
from clients.models import User

VERSION_CLAIM = "ver"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client of the API keeps after signing in."""

    access: str
    refresh: str


class _AnyRefresh(Token):
    """A refresh token of ours, also one that was already used."""

    token_type = "refresh"  # noqa: S105 - a kind, not a secret
    lifetime = api_settings.REFRESH_TOKEN_LIFETIME


def issue_tokens(user: User) -> Tokens:
    """A new pair for `user`."""
    refresh = RefreshToken.for_user(user)
    refresh[VERSION_CLAIM] = user.session_version
    access: AccessToken = refresh.access_token
    return Tokens(access=str(access), refresh=str(refresh))


def user_of_access(text: str) -> User:
    """The active user of an access token, read anew. Raises TokenRefused."""
    try:
        token = AccessToken(text)  # type: ignore[arg-type] # the library's annotation is Token
    except TokenError as error:
        raise TokenRefused(_("This token is not valid any more. Sign in again.")) from error
    return _user_of(token)


def refresh_tokens(text: str) -> Tokens:
    """A new pair for a refresh token, which works once.

    A second use means that somebody copied it: every token and session of the user ends.
    """
    token = _opened(text)
    user = _user_of(token)
    with transaction.atomic():
        if not _use_up(token):
            end_sessions(user)
        else:
            return issue_tokens(user)
    raise TokenReused(_("This token was used before, so every session was ended. Sign in again."))


def revoke_token(text: str) -> None:
    """End one refresh token. Safe to call twice."""
    _use_up(_opened(text))


def end_sessions(user: User) -> None:
    """End all tokens and sessions of `user`, effective with their next request."""
    User.objects.filter(pk=user.pk).update(session_version=F("session_version") + 1)
    user.refresh_from_db(fields=["session_version"])


def change_password(user: User, old: str, new: str) -> None:
    """Set a new password and end every session. Raises WrongPassword or ValidationError."""
    if not user.check_password(old):
        raise WrongPassword(_("The present password is not this one."))
    validate_password(new, user)
    user.set_password(new)
    user.save(update_fields=["password"])
    end_sessions(user)


def deactivate_user(user: User) -> None:
    """Close the account; tokens and sessions end with their next request."""
    User.objects.filter(pk=user.pk).update(is_active=False)
    end_sessions(user)


def _opened(text: str) -> Token:
    try:
        return _AnyRefresh(text)  # type: ignore[arg-type] # the library's annotation is Token
    except TokenError as error:
        raise TokenRefused(_("This token is not valid any more. Sign in again.")) from error


def _user_of(token: Token) -> User:
    try:
        user = User.objects.filter(public_id=token.get("user_id"), is_active=True).first()
    except ValidationError:  # not a UUID
        user = None
    if user is None or token.get(VERSION_CLAIM) != user.session_version:
        raise TokenRefused(_("This token is not valid any more. Sign in again."))
    return user


def _use_up(token: Token) -> bool:
    """Mark the token as used; False when it already was. The database decides who was first."""
    known = RefreshToken(str(token), verify=False)  # type: ignore[arg-type] # annotation is Token
    answer: Any = known.blacklist()  # (row, created), whatever the annotation says
    return bool(answer[1])
