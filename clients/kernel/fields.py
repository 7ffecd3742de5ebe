"""Text that is encrypted in the database, bound to the row it belongs to.

AES-256-GCM (NIST SP 800-38D) with table, column, tenant and public id as associated data: a
ciphertext copied to another row, column or tenant does not open. Layout of the stored bytes:
version 1 · first 4 bytes of SHA-256(key) · 12 bytes nonce · ciphertext and tag.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models
from django.utils.text import capfirst

VERSION = b"\x01"


class CannotDecrypt(ValueError):
    """No live key opens this value, or it was moved here from another row."""

    field = ""  # what it is called, where a row says so


class Sealed(bytes):
    """Ciphertext as it lies in the database."""


def _keys() -> dict[bytes, bytes]:
    keys = [base64.b64decode(text) for text in settings.FIELD_KEYS]
    return {hashlib.sha256(key).digest()[:4]: key for key in keys}


def seal(text: str, bound_to: str) -> Sealed:
    """`text` encrypted with the first of settings.FIELD_KEYS."""
    key_id, key = next(iter(_keys().items()))
    nonce = secrets.token_bytes(12)
    hidden = AESGCM(key).encrypt(nonce, text.encode(), bound_to.encode())
    return Sealed(VERSION + key_id + nonce + hidden)


def unseal(value: Sealed, bound_to: str) -> str:
    """The text again. Raises CannotDecrypt when the key is gone or the value was moved."""
    key = _keys().get(value[1:5])
    if value[:1] != VERSION or key is None:
        raise CannotDecrypt(f"no key of FIELD_KEYS opens {bound_to}")
    try:
        return AESGCM(key).decrypt(value[5:17], value[17:], bound_to.encode()).decode()
    except (InvalidTag, ValueError) as error:  # ValueError: cut short
        raise CannotDecrypt(f"the stored value does not belong to {bound_to}") from error


class _Opened:
    """Decrypts on first read, since only the instance knows what the value is bound to."""

    def __init__(self, field: EncryptedTextField) -> None:
        self.field = field

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        if self.field.attname not in instance.__dict__:
            instance.refresh_from_db(fields=[self.field.attname])
        value = instance.__dict__[self.field.attname]
        if not isinstance(value, Sealed):
            return value
        try:
            return unseal(value, self.field.bound_to(instance))
        except CannotDecrypt as error:
            error.field = self.field.name
            raise

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.BinaryField):  # type: ignore[type-arg] # generic in the stubs only
    """A str on the instance, AES-GCM in the database. Needs `tenant_id` and `public_id`.

    It cannot be filtered on, nor set by `update()`: both would lose the binding.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"editable": True, **options})

    def contribute_to_class(self, cls: Any, name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, self.attname, _Opened(self))

    def bound_to(self, instance: Any) -> str:
        """What the ciphertext is bound to."""
        table = instance._meta.concrete_model._meta.db_table
        return f"{table}.{self.column}|{instance.tenant_id}|{instance.public_id}"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Sealed | None:
        return None if value is None else Sealed(value)

    def pre_save(self, instance: Any, add: bool) -> Sealed | None:
        value = instance.__dict__.get(self.attname)
        if isinstance(value, str):
            value = instance.__dict__[self.attname] = seal(value, self.bound_to(instance))
        return None if value is None else Sealed(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None and not isinstance(value, Sealed):
            raise TypeError("an encrypted field is written by save(), and cannot be searched")
        return super().get_db_prep_value(value, connection, prepared)

    def to_python(self, value: Any) -> Any:
        return value

    def value_from_object(self, obj: Any) -> Any:
        """For forms, which never show it: a page opens although nobody can open the secret."""
        return opened(obj, self.attname)

    def get_default(self) -> Any:
        return "" if self.has_default() is False and not self.null else super().get_default()

    def formfield(self, **options: Any) -> Any:
        from django import forms

        return forms.CharField(
            required=not self.blank,
            label=capfirst(self.verbose_name),
            help_text=self.help_text,
            widget=forms.PasswordInput(render_value=False),
        )


def opened(instance: Any, name: str) -> str:
    """The field's text; nothing when no key opens it, so that it must be typed again."""
    try:
        return getattr(instance, name) or ""
    except CannotDecrypt:
        return ""


def reseal(instance: models.Model) -> bool:
    """Encrypt the row's fields again with the newest key. False when they already are."""
    newest = next(iter(_keys()))
    stale = [
        field
        for field in instance._meta.concrete_fields
        if isinstance(field, EncryptedTextField)
        and isinstance(value := instance.__dict__.get(field.attname), Sealed)
        and value[1:5] != newest
    ]
    for field in stale:
        setattr(instance, field.attname, getattr(instance, field.attname))
    if stale:
        instance.save(update_fields=[field.name for field in stale])
    return bool(stale)
