from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.constraints import one_of
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from meters.models import AlarmEvent, AlarmRule


class Transition(models.TextChoices):
    RAISED = "raised", _("Raised")
    CLEARED = "cleared", _("Ended")


class NoticeOutcome(models.TextChoices):
    """What was decided about telling the team of an alarm's turn."""

    TOLD = "told", _("Told")
    NOBODY = "nobody", _("Nobody is to be told")
    NEEDLESS = "needless", _("Said in another message, or done by a person")
    HELD = "held", _("Held back: too many in this hour")
    SUMMED = "summed", _("Told in the hour's summary")


class AlarmNotice(TenantModel):
    """That the team was told of an alarm's turn, or why not. Written once, with the messages."""

    event = TenantForeignKey(AlarmEvent, models.PROTECT, related_name="+")
    rule = TenantForeignKey(AlarmRule, models.PROTECT, related_name="+")
    transition = models.CharField(max_length=7, choices=Transition)
    outcome = models.CharField(max_length=8, choices=NoticeOutcome)
    hour_at = models.DateTimeField(help_text="The hour whose messages are counted.")
    decided_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "rule", "hour_at"], name="monitoring_notice_by_hour"),
            models.Index(
                fields=["hour_at"],
                condition=models.Q(outcome="held"),
                name="monitoring_notice_held",
            ),
        ]
        constraints = [
            one_of("transition", Transition),
            one_of("outcome", NoticeOutcome),
            models.UniqueConstraint(
                fields=["tenant", "event", "transition"], name="monitoring_alarmnotice_once"
            ),
        ]
