"""Doorbells of this app."""

from __future__ import annotations

from clients.kernel.events import Event

# Rung at most once a second per tenant, whatever the number of readings; the rows are in `Touched`.
readings_stored = Event("meters.readings_stored")

# Intervals and day totals of the tenant have changed.
intervals_changed = Event("meters.intervals_changed")

# An alarm rang or ended; `event_id` says which. Carried out above: nothing here sends a message.
alarm_raised = Event("meters.alarm_raised")
alarm_cleared = Event("meters.alarm_cleared")
