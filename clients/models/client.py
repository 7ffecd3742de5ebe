from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import audited
from clients.kernel.constraints import one_of
from clients.kernel.documents import normal_document, normal_phone, normal_postal_code
from clients.kernel.keys import PublicIdModel
from clients.kernel.tenancy import TenantForeignKey, TenantModel


class ClientKind(models.TextChoices):
    PERSON = "person", _("Person")
    COMPANY = "company", _("Company")


class ClientStatus(models.TextChoices):
    ACTIVE = "active", _("Active")
    PAUSED = "paused", _("Paused")
    CLOSED = "closed", _("Closed")


@audited()
class Client(TenantModel, PublicIdModel):
    """The person or company that a tenant supplies and bills."""

    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=10, choices=ClientKind, default=ClientKind.PERSON)
    status = models.CharField(
        _("status"), max_length=10, choices=ClientStatus, default=ClientStatus.ACTIVE
    )
    document = models.CharField(_("CPF or CNPJ"), max_length=14, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    address = models.CharField(_("address"), max_length=200, blank=True)
    city = models.CharField(_("city"), max_length=80, blank=True)
    state = models.CharField(_("state"), max_length=2, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=8, blank=True)
    notes = models.TextField(_("notes"), blank=True)
    created_at = models.DateTimeField(_("client since"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["tenant", "name", "id"], name="clients_client_by_name")]
        constraints = [
            one_of("kind", ClientKind),
            one_of("status", ClientStatus),
            models.UniqueConstraint(
                fields=["tenant", "document"],
                condition=~models.Q(document=""),
                name="clients_client_document_once",
                violation_error_message=_("Another client has this CPF or CNPJ."),
                violation_error_code="document_taken",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        try:
            self.postal_code = normal_postal_code(self.postal_code)
        except ValidationError as error:
            raise ValidationError({"postal_code": error}) from error
        try:
            self.document = normal_document(self.document)
        except ValidationError as error:
            raise ValidationError({"document": error}) from error
        if self.document:
            is_company = len(self.document) == 14  # noqa: PLR2004 - a CNPJ's length
            self.kind = ClientKind.COMPANY if is_company else ClientKind.PERSON


class ContactKind(models.TextChoices):
    PHONE = "phone", _("Phone and WhatsApp")
    EMAIL = "email", _("E-mail")


@audited()
class ContactPoint(TenantModel, PublicIdModel):
    """One way to reach a client. The preferred one of a kind is used first."""

    client = TenantForeignKey(Client, models.CASCADE, related_name="contact_points")
    kind = models.CharField(_("kind"), max_length=10, choices=ContactKind)
    value = models.CharField(_("number or address"), max_length=254)
    label = models.CharField(_("whose"), max_length=60, blank=True)
    is_preferred = models.BooleanField(_("preferred"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("contact point")
        verbose_name_plural = _("contact points")
        ordering = ["-is_preferred", "id"]
        constraints = [
            one_of("kind", ContactKind),
            models.UniqueConstraint(
                fields=["tenant", "client", "kind", "value"], name="clients_contactpoint_once"
            ),
        ]

    def __str__(self) -> str:
        return self.value

    def clean(self) -> None:
        try:
            if self.kind == ContactKind.PHONE:
                self.value = normal_phone(self.value)
            else:
                self.value = self.value.strip().lower()
                validate_email(self.value)
        except ValidationError as error:
            raise ValidationError({"value": error}) from error
