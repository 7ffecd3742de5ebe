"""The ways billing says no."""

from __future__ import annotations

from django.utils.translation import gettext as _

from clients.kernel.errors import DomainError, Permanent, Retryable


class BadPixKey(DomainError):
    code = "bad_pix_key"

    def __init__(self) -> None:
        super().__init__(
            _("A Pix key is a CPF, a CNPJ, an e-mail, a phone with +55 or a random key.")
        )


class BadPixCode(DomainError):
    code = "bad_pix_code"


class InvoiceClosed(DomainError):
    code = "invoice_closed"


class PeriodNotOver(DomainError):
    code = "period_not_over"


class PaymentConflict(DomainError):
    code = "payment_conflict"


class BadPeriod(DomainError):
    code = "bad_period"


class AlreadyDecided(DomainError):
    code = "already_decided"


class DataIncomplete(DomainError):
    code = "data_incomplete"


class BadAmount(DomainError):
    code = "bad_amount"


class NotThere(Retryable):
    """The bank knows no such payment, or not yet."""


class OddAnswer(Permanent):
    """The bank's answer is not what its documents say."""
