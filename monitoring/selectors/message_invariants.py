"""What must always be true of messages. Messaging's selectors are one file, so these stand here."""

from __future__ import annotations

from clients.kernel.invariants import Row, invariant, offending


@invariant("I4", "A message that has not gone will be tried again, or is dead.")
def no_message_is_forgotten() -> list[Row]:
    return offending(
        "SELECT tenant_id, id, status FROM messaging_message "
        "WHERE status IN ('queued', 'sending', 'uncertain') AND due_at IS NULL "
        "AND leased_until IS NULL AND died_at IS NULL ORDER BY id"
    )


@invariant("I12", "A message went at most once, as far as its providers said.")
def messages_went_once() -> list[Row]:
    return offending(
        "SELECT tenant_id, message_id, count(*) AS times FROM messaging_attempt "
        "WHERE outcome = 'accepted' GROUP BY 1, 2 HAVING count(*) > 1"
    )


@invariant("I12", "A message's state and the instants in it tell the same story.")
def messages_tell_one_story() -> list[Row]:
    return offending(
        "SELECT tenant_id, id, status FROM messaging_message "
        "WHERE (status = 'sent' AND sent_at IS NULL) "
        "OR (status = 'delivered' AND delivered_at IS NULL) "
        "OR (status = 'read' AND read_at IS NULL) "
        "OR (status = 'failed' AND failed_at IS NULL) ORDER BY id"
    )
