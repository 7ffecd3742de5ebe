"""What periodic work and tables of waiting work are called on the health page."""

from __future__ import annotations

from typing import Any, Final

from django.apps import apps
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

JOBS: Final[dict[str, Any]] = {  # lazy texts, by the task's name
    "billing.tasks.sweep_announcements": _("Tell clients of their invoices"),
    "billing.tasks.sweep_banks": _("Ask banks for payments"),
    "billing.tasks.sweep_billing_runs": _("Go on with billing runs"),
    "billing.tasks.sweep_notices": _("Read what banks sent"),
    "messaging.tasks.sweep_messages": _("Send waiting messages"),
    "messaging.tasks.sweep_notices": _("Read what messaging services sent"),
    "meters.tasks.alarms.look_for_silence": _("Ring for meters that fell silent"),
    "meters.tasks.alarms.sweep_alarms": _("Judge readings by alarm rules"),
    "meters.tasks.forwarding.forward": _("Send readings on"),
    "meters.tasks.forwarding.sweep_forwarding": _("Look for readings to send on"),
    "meters.tasks.hearing.forget_old_uplinks": _("Clear away old LoRaWAN messages"),
    "meters.tasks.hearing.sweep_gaps": _("Fetch what devices remember"),
    "meters.tasks.intervals.prepare_partitions": _("Make room for coming months"),
    "meters.tasks.intervals.sweep_touched": _("Compute use from new readings"),
    "meters.tasks.polling.sweep_polling": _("Take connections back that nobody asks"),
    "meters.tasks.readings_in_out.drop_old_readings": _("Remove readings past their time"),
    "meters.tasks.readings_in_out.sweep_exports": _("Go on with exports"),
    "meters.tasks.readings_in_out.sweep_imports": _("Go on with imports"),
    "meters.tasks.validation.look_for_silence": _("Look for meters without readings"),
    "meters.tasks.validation.sweep_validation": _("Check new readings by the rules"),
    "monitoring.tasks.heartbeat": _("Sign of life of the scheduler"),
    "monitoring.tasks.sweep_alarm_notices": _("Tell people of alarms"),
    "monitoring.tasks.tidy": _("Clear away what is old"),
}
TABLES: Final[dict[str, Any]] = {  # of models that have no words of their own
    "messaging_webhooknotice": _("Notices of messaging services"),
}


def job_in_words(name: str) -> str:
    """What a periodic task does; its name when nobody has said it."""
    return str(JOBS.get(name, name))


def table_in_words(table: str) -> str:
    """What the rows of a table are called, such as `Messages`; its name for none of ours."""
    if table in TABLES:
        return str(TABLES[table])
    for model in apps.get_models():
        if model._meta.db_table == table:
            return str(capfirst(str(model._meta.verbose_name_plural)))
    return table
