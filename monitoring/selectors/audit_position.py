"""A place in the audit's order, as an opaque cursor that is good for one tenant."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from clients.kernel.fields import CannotDecrypt, Sealed, seal, unseal
from clients.kernel.tenancy import current_tenant_id


@dataclass(frozen=True, slots=True)
class AuditPosition:
    """Where a page of the audit ended, to go on from."""

    at: datetime
    model: str
    event_id: int

    def sealed(self) -> str:
        """The cursor: it shows nothing and cannot be made up."""
        text = f"{self.at.isoformat()}|{self.model}|{self.event_id}"
        return base64.urlsafe_b64encode(seal(text, _bound_to())).decode().rstrip("=")

    @classmethod
    def opened(cls, cursor: str) -> AuditPosition:
        """From what `sealed` made for this tenant. Raises ValueError for anything else."""
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            at, model, event_id = unseal(Sealed(raw), _bound_to()).split("|")
        except (CannotDecrypt, binascii.Error) as error:
            raise ValueError("not a cursor of this tenant") from error
        return cls(datetime.fromisoformat(at), model, int(event_id))


def _bound_to() -> str:
    return f"cursor|{current_tenant_id()}|audit"
