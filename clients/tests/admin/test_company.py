from __future__ import annotations

from typing import Any

import pytest

from clients.models import Tenant
from clients.testing import sign_in


def filled(tenant: Tenant, **changes: Any) -> dict[str, Any]:
    names = ("name", "legal_name", "document", "address", "city", "state", "locale", "time_zone")
    return {**{name: getattr(tenant, name) for name in names}, **changes}


@pytest.mark.parametrize("role", ["manager", "operator", "professional", "viewer"])
def test_only_an_owner_changes_the_company(acacia: Tenant, role: str) -> None:
    page = f"/admin/clients/tenant/{acacia.public_id}/change/"

    answer = sign_in(acacia, role).post(page, filled(acacia, name="Other"))

    assert answer.status_code == 403
    acacia.refresh_from_db()
    assert acacia.name == "Acacia Energia"


def test_the_currency_of_a_company_stays_and_its_language_is_one_that_exists(
    acacia: Tenant,
) -> None:
    page = f"/admin/clients/tenant/{acacia.public_id}/change/"
    owner = sign_in(acacia)

    owner.post(page, filled(acacia, name="Acacia Nova", currency="USD"))
    refused = owner.post(page, filled(acacia, name="Third", locale="xx"))

    acacia.refresh_from_db()
    assert (acacia.name, acacia.currency, acacia.locale) == ("Acacia Nova", "BRL", "pt-br")
    assert refused.status_code == 200
