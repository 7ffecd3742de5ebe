"""What messaging says has happened."""

from __future__ import annotations

from clients.kernel.events import Event

message_queued = Event("messaging.message_queued")  # tenant_id, message_id
message_sent = Event("messaging.message_sent")  # tenant_id, message_id
message_delivered = Event("messaging.message_delivered")  # tenant_id, message_id
message_failed = Event("messaging.message_failed")  # tenant_id, message_id
notice_kept = Event("messaging.notice_kept")  # tenant_id, notice_id
account_paused = Event("messaging.account_paused")  # tenant_id, account_id
