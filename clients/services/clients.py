from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from clients.models import Client, ContactPoint


def save_client(
    client: Client,
    values: Mapping[str, Any],
    contact_points: Sequence[Mapping[str, Any]] | None = None,
) -> Client:
    """Set, check and save a client; `contact_points`, when given, replace the ones it has.

    Raises ValidationError; then nothing is saved.
    """
    with transaction.atomic():
        for name, value in values.items():
            setattr(client, name, value)
        client.clean()  # first: it takes the punctuation out
        client.clean_fields(exclude={"tenant"})
        client.save()
        if contact_points is not None:
            _replace_contact_points(client, contact_points)
    return client


def _replace_contact_points(client: Client, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Make the client's contact points exactly `wanted`; those that stay keep their ids."""
    kept = {(point.kind, point.value): point for point in client.contact_points.all()}
    seen: set[tuple[str, str]] = set()
    for position, values in enumerate(wanted):
        checked = _checked(ContactPoint(client=client, **values), position)
        name = (checked.kind, checked.value)
        if name in seen:
            repeated = ValidationError(_("This is here twice."), code="repeated")
            raise _at(ValidationError({"value": repeated}), position)
        seen.add(name)
        point = kept.get(name, checked)
        point.label, point.is_preferred = checked.label, checked.is_preferred
        point.save()
    gone = [point.pk for name, point in kept.items() if name not in seen]
    ContactPoint.objects.filter(pk__in=gone).delete()


def _checked(point: ContactPoint, position: int) -> ContactPoint:
    try:
        point.clean_fields(exclude={"tenant"})
        point.clean()
    except ValidationError as error:
        raise _at(error, position) from error
    return point


def _at(error: ValidationError, position: int) -> ValidationError:
    """The same error, told of the contact point at `position`."""
    return ValidationError(
        {f"contact_points.{position}.{name}": inner for name, inner in error.error_dict.items()}
    )
