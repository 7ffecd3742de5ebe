"""Doorbells of this app."""

from __future__ import annotations

from clients.kernel.events import Event

# Rung at most once a second per tenant, whatever the number of readings; the rows are in `Touched`.
readings_stored = Event("meters.readings_stored")

# Intervals and day totals of the tenant have changed.
intervals_changed = Event("meters.intervals_changed")

# A file of readings waits for a worker: to be checked, stored or undone.
import_wanted = Event("meters.import_wanted")

# Readings are to be written into files.
export_wanted = Event("meters.export_wanted")
