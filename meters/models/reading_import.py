"""A file of readings: what it is, how it is read, what it would change, what it added."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel


class ImportState(models.TextChoices):
    DETECTED = "detected", _("To check")
    CHECKING = "checking", _("Checking")
    CHECKED = "checked", _("Checked")
    RUNNING = "running", _("Storing")
    STORED = "stored", _("Stored")
    UNDOING = "undoing", _("Undoing")
    UNDONE = "undone", _("Undone")
    FAILED = "failed", _("Not readable")


AT_WORK = (ImportState.CHECKING, ImportState.RUNNING, ImportState.UNDOING)
EDITABLE = (ImportState.DETECTED, ImportState.CHECKED, ImportState.FAILED)


class ReadingImport(TenantModel, PublicIdModel):
    """One file on its way in. It is checked before anything is stored, and may be undone after."""

    name = models.CharField(_("file"), max_length=120)
    source_id = models.UUIDField(editable=False)  # a StoredFile's public id: it may expire first
    size_bytes = models.PositiveIntegerField(_("size"))
    state = models.CharField(
        _("situation"), max_length=10, choices=ImportState, default=ImportState.DETECTED
    )
    mapping = models.JSONField(_("mapping"), default=dict)
    notes = ArrayField(models.CharField(max_length=40), default=list)
    report = models.JSONField(default=dict, help_text="What the last check found.")
    error = models.CharField(max_length=500, blank=True, default="")
    row_count = models.PositiveIntegerField(_("rows"), default=0)
    seen_count = models.PositiveIntegerField(default=0)
    new_count = models.PositiveIntegerField(_("new"), default=0)
    duplicate_count = models.PositiveIntegerField(_("already there"), default=0)
    conflict_count = models.PositiveIntegerField(_("conflicts"), default=0)
    refused_count = models.PositiveIntegerField(_("refused"), default=0)
    first_at = models.DateTimeField(_("first reading"), null=True)
    last_at = models.DateTimeField(_("last reading"), null=True)
    meter_ids = ArrayField(models.BigIntegerField(), default=list)
    created_by = models.CharField(_("by"), max_length=200, blank=True, default="")
    created_at = models.DateTimeField(_("uploaded"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    worked_at = models.DateTimeField(null=True, help_text="The last sign of life of its worker.")
    undone_at = models.DateTimeField(_("undone"), null=True)
    undone_by = models.CharField(_("undone by"), max_length=200, blank=True, default="")

    class Meta(TenantModel.Meta):
        verbose_name = _("import of readings")
        verbose_name_plural = _("imports of readings")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="meters_import_by_age"),
            models.Index(
                fields=["worked_at"],
                condition=models.Q(state__in=["checking", "running", "undoing"]),
                name="meters_import_at_work",
            ),
        ]
        constraints = [one_of("state", ImportState)]

    def __str__(self) -> str:
        return self.name

    @property
    def is_at_work(self) -> bool:
        """Whether a worker has it, or will."""
        return self.state in AT_WORK


class ImportChunk(TenantModel):
    """The rows that one chunk of an import added, written in the transaction that added them."""

    reading_import = TenantForeignKey(ReadingImport, models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    counts = models.JSONField(default=dict)
    meter_ids = ArrayField(models.BigIntegerField(), default=list)
    instants = ArrayField(models.DateTimeField(), default=list)
    conflict_ids = ArrayField(models.BigIntegerField(), default=list)
    exceptions = models.JSONField(default=list)
    undone_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "reading_import", "number"], name="meters_importchunk_once"
            )
        ]


class RetractedReading(TenantModel):
    """A reading that an import added and its undoing took back: kept, and counted nowhere."""

    reading_import = TenantForeignKey(ReadingImport, models.PROTECT, related_name="+")
    meter_id = models.BigIntegerField()
    measured_at = models.DateTimeField()
    received_at = models.DateTimeField()
    reading = models.JSONField()
    retracted_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "meter_id", "measured_at"], name="meters_retracted_by_at"
            )
        ]
