"""Serializers that take exactly what was declared: no unknown field, no "true" for true."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from clients.kernel.fields import CannotDecrypt
from clients.kernel.text import REFUSED, is_printable

ENTER_AGAIN = _("What is stored cannot be opened any more. Enter it again.")
USUAL = serializers.ModelSerializer.serializer_field_mapping


class StrictBoolean(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictInteger(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class StrictFloat(serializers.FloatField):
    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float) or not math.isfinite(data):
            self.fail("invalid")
        return float(data)


class StrictText(serializers.CharField):
    default_error_messages = {"unprintable": REFUSED}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if not is_printable(data):
            self.fail("unprintable")
        return super().to_internal_value(data)


class StrictChoice(serializers.ChoiceField):
    """One of the choices; a refusal names them."""

    default_error_messages = {"invalid_choice": _("“{input}” is not one of: {choices}.")}

    def fail(self, key: str, **facts: Any) -> NoReturn:
        super().fail(key, choices=", ".join(str(choice) for choice in self.choices), **facts)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


class StrictInstant(serializers.DateTimeField):
    """An instant with its offset: a local time may happen twice, or never."""

    default_error_messages = {"offset": _("Give the offset too, as in 2026-01-31T12:00:00-03:00.")}

    def enforce_timezone(self, value: Any) -> Any:
        if value.tzinfo is None:
            self.fail("offset")
        return super().enforce_timezone(value)


class PublicIdField(serializers.UUIDField):
    """A row's own id: `id = PublicIdField()`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"source": "public_id", "read_only": True, **options})


@extend_schema_field(OpenApiTypes.UUID)
class PublicKeyField(serializers.RelatedField[Any, Any, Any]):
    """Another row of the tenant, by its id. A foreign, unknown or malformed id is one error.

    `client = PublicKeyField(Client)`; list views need `select_related("client")`.
    """

    default_error_messages = {"unknown_id": _("There is nothing with this id.")}

    def __init__(self, model: type[models.Model] | None = None, **options: Any) -> None:
        if model is not None and not options.get("read_only"):
            options.setdefault("queryset", model._default_manager)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> models.Model:
        queryset: Any = self.get_queryset()
        try:
            public_id = serializers.UUIDField().to_internal_value(str(data))
            found: models.Model = queryset.get(public_id=public_id)
        except (serializers.ValidationError, queryset.model.DoesNotExist):
            self.fail("unknown_id")
        return found

    def to_representation(self, value: Any) -> str:
        return str(value.public_id)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not declare, and those that only it may write."""

    default_error_messages = {
        "unknown_field": _("This field does not exist."),
        "read_only_field": _("This field cannot be written."),
    }

    def to_internal_value(self, data: Any) -> Any:
        wrong: dict[str, list[serializers.ErrorDetail]] = {}
        for name in data if isinstance(data, Mapping) else ():
            if name not in self.fields or self.fields[name].read_only:
                code = "read_only_field" if name in self.fields else "unknown_field"
                text = str(self.error_messages[code])
                wrong[str(name)] = [serializers.ErrorDetail(text, code)]
        if wrong:
            raise serializers.ValidationError(wrong)
        return super().to_internal_value(data)


class TenantSerializer(StrictSerializer, serializers.ModelSerializer[Any]):
    """A row of the tenant. Saving runs the model's own checks; uniqueness is the database's."""

    serializer_field_mapping: ClassVar[Any] = {
        **USUAL,
        **{field: StrictInteger for field in USUAL if issubclass(field, models.IntegerField)},
        models.BooleanField: StrictBoolean,
        models.FloatField: StrictFloat,
        models.CharField: StrictText,
        models.TextField: StrictText,
        models.DateTimeField: StrictInstant,
    }
    serializer_choice_field = StrictChoice

    def get_unique_together_validators(self) -> list[Any]:
        return []

    def create(self, validated_data: Any) -> Any:
        return self.store(self.Meta.model(), validated_data)  # type: ignore[attr-defined,misc] # by declaration

    def update(self, instance: Any, validated_data: Any) -> Any:
        return self.store(instance, validated_data)

    def store(self, instance: Any, values: dict[str, Any]) -> Any:
        """Set, check and save. A wrong value raises Django's ValidationError: 400 with `fields`."""
        for name, value in values.items():
            setattr(instance, name, value)
        try:
            instance.clean_fields(exclude={"tenant"})
            instance.clean()
        except CannotDecrypt as error:
            raise serializers.ValidationError({error.field: [ENTER_AGAIN]}) from error
        instance.save()
        return instance
