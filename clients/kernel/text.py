"""What people type as names: text that a page, a sheet and a log show as it is."""

from __future__ import annotations

import re
from typing import Final

from django.utils.translation import gettext_lazy as _

# Control characters (not tab and line breaks), and marks that turn the direction of what follows.
UNPRINTABLE: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
REFUSED: Final = _("This text has characters that cannot be seen. Type it again.")


def is_printable(text: str) -> bool:
    """Whether everything in the text can be seen."""
    return UNPRINTABLE.search(text) is None
