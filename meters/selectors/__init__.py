from __future__ import annotations

from meters.selectors.energy import MeteredEnergy, metered_energy

__all__ = ["MeteredEnergy", "metered_energy"]
