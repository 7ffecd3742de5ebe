"""What must be true of messages at any moment."""

from __future__ import annotations

from clients.kernel.invariants import Row, invariant, offending


@invariant("I12", "A provider takes a message once, and again only after a try nobody could tell.")
def messages_taken_twice() -> list[Row]:
    return offending(
        """
        SELECT tenant_id, message_id, count(*) FILTER (WHERE outcome = 'accepted') AS taken
        FROM messaging_attempt GROUP BY tenant_id, message_id
        HAVING count(*) FILTER (WHERE outcome = 'accepted')
               > 1 + count(*) FILTER (WHERE outcome IN ('unknown', 'started'))
        """
    )


@invariant("I12", "A message that went has an attempt that says so, or a receipt.")
def sent_without_a_trace() -> list[Row]:
    return offending(
        """
        SELECT m.tenant_id, m.id, m.status FROM messaging_message m
        WHERE m.status IN ('sent', 'delivered', 'read') AND NOT EXISTS (
            SELECT FROM messaging_attempt a WHERE a.tenant_id = m.tenant_id
            AND a.message_id = m.id AND a.outcome = 'accepted')
        AND NOT EXISTS (SELECT FROM messaging_receipt r
            WHERE r.tenant_id = m.tenant_id AND r.message_id = m.id)
        """
    )


@invariant("I4", "A message that is under way is due or dead, and an ended one is neither.")
def stranded_messages() -> list[Row]:
    return offending(
        """
        SELECT tenant_id, id, status FROM messaging_message
        WHERE (status IN ('queued', 'sending', 'uncertain') AND due_at IS NULL AND died_at IS NULL)
           OR (status IN ('failed', 'cancelled') AND due_at IS NOT NULL)
        """
    )
