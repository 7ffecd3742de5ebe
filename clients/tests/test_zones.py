from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from clients.models import Tenant
from clients.models.tenant import known_zone, zone_names


@pytest.mark.parametrize("zone", ["localtime", "Factory", "posix/UTC", "right/UTC", "Nowhere", ""])
def test_only_zones_that_everybody_knows_are_taken(acacia: Tenant, zone: str) -> None:
    with pytest.raises(ValidationError):
        known_zone(zone)


def test_every_zone_that_is_taken_is_known_to_the_database(acacia: Tenant) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        known = {name for (name,) in cursor.fetchall()}

    assert zone_names() - known == set()
