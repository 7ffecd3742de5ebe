from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.invoice import Invoice
from billing.models.payment import Payment
from clients.kernel.constraints import one_of
from clients.kernel.tenancy import TenantForeignKey, TenantModel
from clients.models import Client


class AccountCode(models.TextChoices):
    """The accounts that a small operator needs, each with the sign it grows in."""

    RECEIVABLE = "receivable", _("Owed by clients")  # debit
    CASH = "cash", _("Received")  # debit
    REVENUE = "revenue", _("Revenue")  # credit
    CREDIT = "credit", _("Credit of clients")  # credit: paid twice or too much
    UNMATCHED = "unmatched", _("Received without an invoice")  # credit, until somebody looks


class LedgerAccount(TenantModel):
    """One account of the tenant's double-entry ledger."""

    code = models.CharField(_("account"), max_length=12, choices=AccountCode)

    class Meta(TenantModel.Meta):
        verbose_name = _("ledger account")
        verbose_name_plural = _("ledger accounts")
        ordering = ["id"]
        constraints = [
            one_of("code", AccountCode),
            models.UniqueConstraint(fields=["tenant", "code"], name="billing_ledgeraccount_once"),
        ]

    def __str__(self) -> str:
        return self.get_code_display()


class LedgerEntry(TenantModel):
    """One side of a movement: debits are positive, credits negative. Never changed or deleted.

    The entries of a transaction add up to zero, which the database checks when it commits. A
    transaction is named for its cause ("issue:<invoice>"), so it cannot be posted twice.
    """

    transaction = models.CharField(_("transaction"), max_length=60)
    account = TenantForeignKey(
        LedgerAccount, models.PROTECT, related_name="entries", verbose_name=_("account")
    )
    client = TenantForeignKey(
        Client, models.PROTECT, null=True, related_name="+", verbose_name=_("client")
    )
    invoice = TenantForeignKey(
        Invoice, models.PROTECT, null=True, related_name="entries", verbose_name=_("invoice")
    )
    payment = TenantForeignKey(
        Payment, models.PROTECT, null=True, related_name="entries", verbose_name=_("payment")
    )
    amount_cents = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    posted_at = models.DateTimeField(_("posted at"))

    class Meta(TenantModel.Meta):
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["tenant", "client", "account"], name="billing_ledgerentry_by_client"
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "transaction", "account"], name="billing_ledgerentry_once"
            ),
            models.CheckConstraint(
                condition=~models.Q(amount_cents=0), name="billing_ledgerentry_moves"
            ),
        ]

    def __str__(self) -> str:
        return self.transaction
