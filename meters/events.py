"""Doorbells of this app."""

from __future__ import annotations

from clients.kernel.events import Event

# Rung at most once a second per tenant, whatever the number of readings; the rows are in `Touched`.
readings_stored = Event("meters.readings_stored")

# Intervals and day totals of the tenant have changed.
intervals_changed = Event("meters.intervals_changed")

# A device that remembers came back after a gap; the row is a `HistoryGap`.
history_wanted = Event("meters.history_wanted")

# Somebody outside wants devices to be asked now; what is due is in `Connection`.
polling_asked = Event("meters.polling_asked")
# An alarm rang or ended; `event_id` says which. Carried out above: nothing here sends a message.
alarm_raised = Event("meters.alarm_raised")
alarm_cleared = Event("meters.alarm_cleared")

# A file of readings waits for a worker: to be checked, stored or undone.
import_wanted = Event("meters.import_wanted")

# Readings are to be written into files.
export_wanted = Event("meters.export_wanted")
