"""Readings, intervals or days on their way out: a job that leaves files."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.constraints import one_of
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel


class ExportWhat(models.TextChoices):
    READINGS = "readings", _("Readings as the meters said them")
    INTERVALS = "intervals", _("Quarter-hours")
    DAYS = "days", _("Day totals")


class ExportFormat(models.TextChoices):
    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel (XLSX)"


class DecimalSign(models.TextChoices):
    COMMA = "comma", _("1234,5 (comma)")
    POINT = "point", _("1234.5 (point)")


class ExportState(models.TextChoices):
    RUNNING = "running", _("Writing")
    DONE = "done", _("Ready")
    FAILED = "failed", _("Failed")


class ReadingExport(TenantModel, PublicIdModel):
    """What is to be written, and how. Its files are parts of at most 20 MB, and expire."""

    name = models.CharField(_("name"), max_length=120)
    what = models.CharField(
        _("what"), max_length=10, choices=ExportWhat, default=ExportWhat.READINGS
    )
    format = models.CharField(
        _("format"), max_length=5, choices=ExportFormat, default=ExportFormat.CSV
    )
    decimal_sign = models.CharField(
        _("decimal sign"), max_length=5, choices=DecimalSign, default=DecimalSign.COMMA
    )
    is_gzip = models.BooleanField(_("compressed (gzip)"), default=False)
    time_zone = models.CharField(_("time zone"), max_length=40)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    meter_ids = ArrayField(models.BigIntegerField(), default=list)
    columns = ArrayField(models.CharField(max_length=40), default=list)
    state = models.CharField(
        _("situation"), max_length=8, choices=ExportState, default=ExportState.RUNNING
    )
    cursor = models.JSONField(default=dict)
    row_count = models.PositiveBigIntegerField(_("rows"), default=0)
    meters_done = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True, default="")
    created_by = models.CharField(_("by"), max_length=200, blank=True, default="")
    created_at = models.DateTimeField(_("asked"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    expires_at = models.DateTimeField(_("kept until"), null=True)
    worked_at = models.DateTimeField(null=True, help_text="The last sign of life of its worker.")

    class Meta(TenantModel.Meta):
        verbose_name = _("export of readings")
        verbose_name_plural = _("exports of readings")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="meters_export_by_age"),
            models.Index(
                fields=["worked_at"],
                condition=models.Q(state="running"),
                name="meters_export_at_work",
            ),
        ]
        constraints = [
            one_of("what", ExportWhat),
            one_of("format", ExportFormat),
            one_of("decimal_sign", DecimalSign),
            one_of("state", ExportState),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="meters_export_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ExportPart(TenantModel):
    """One file of an export, written with the place where the next one goes on."""

    export = TenantForeignKey(ReadingExport, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    file_id = models.UUIDField()  # a StoredFile's public id: files expire before their export
    row_count = models.PositiveIntegerField()
    size_bytes = models.PositiveIntegerField()

    class Meta(TenantModel.Meta):
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "export", "number"], name="meters_exportpart_once"
            )
        ]
