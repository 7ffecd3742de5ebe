"""How Django writes days and instants where no page of ours does: as `clients.kernel.when`."""

from __future__ import annotations

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i"
