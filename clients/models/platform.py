"""Rows that the kernel needs: job slots, idempotency keys and stored files."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantModel


class JobSlot(models.Model):
    """A periodic job that began in a slot; the key makes a second scheduler harmless."""

    pk = models.CompositePrimaryKey("job", "slot")
    job = models.CharField(max_length=120)
    slot = models.BigIntegerField(help_text="Unix time divided by the job's period.")
    started_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.job} {self.slot}"


class IdempotencyKey(TenantModel):
    """The first answer to a request that creates or pays, kept to be given again."""

    scope = models.CharField(max_length=200, help_text="User and route.")
    key = models.CharField(max_length=255)
    body_sha256 = models.BinaryField(max_length=32)
    status_code = models.PositiveSmallIntegerField(null=True)
    answer = models.BinaryField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "scope", "key"], name="clients_idempotencykey_once"
            )
        ]


class StoredFile(TenantModel, PublicIdModel):
    """A document kept with the data it belongs to: same policy, same backup. At most 20 MB."""

    kind = models.CharField(_("kind"), max_length=30)
    name = models.CharField(_("name"), max_length=120)
    content_type = models.CharField(max_length=80)
    sha256 = models.BinaryField(max_length=32)
    content = models.BinaryField()
    size_bytes = models.PositiveIntegerField(_("size"))
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(size_bytes__lte=20_000_000), name="clients_storedfile_size"
            )
        ]

    def __str__(self) -> str:
        return self.name
