"""Which rules hold for a meter: the catalogue's defaults, and what the tenant changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clients.kernel.tenancy import current_tenant_id
from meters.models import (
    UNDECIDED,
    ExceptionState,
    MeterException,
    MeterKind,
    Resolution,
    RuleCode,
    Severity,
    ValidationRule,
)
from meters.services.validation.catalogue import CATALOGUE, Entry, checked


@dataclass(frozen=True, slots=True)
class Applied:
    """A rule as it holds for a kind of meter."""

    entry: Entry
    severity: Severity
    parameters: Mapping[str, float]
    is_enabled: bool = True

    @property
    def code(self) -> str:
        return self.entry.code.value


def rules_for(kind: str, rows: Iterable[ValidationRule] | None = None) -> list[Applied]:
    """The rules that are in use for meters of the kind, in the catalogue's order."""
    found = list(ValidationRule.objects.all() if rows is None else rows)
    applied = [applied_to(entry, kind, found) for entry in CATALOGUE.values()]
    return [rule for rule in applied if rule is not None and rule.is_enabled]


def applied_to(entry: Entry, kind: str, rows: Iterable[ValidationRule]) -> Applied | None:
    """How the rule holds for the kind; nothing when it is not made for it."""
    if kind not in entry.kinds:
        return None
    mine = {row.kind: row for row in rows if row.code == entry.code}
    row = mine.get(kind) or mine.get("")
    if row is None:
        return Applied(entry, entry.severity, entry.defaults)
    known = {name: value for name, value in row.parameters.items() if name in entry.defaults}
    return Applied(entry, Severity(row.severity), {**entry.defaults, **known}, row.is_enabled)


def set_rule(
    code: str,
    kind: str = "",
    *,
    severity: str | None = None,
    is_enabled: bool | None = None,
    parameters: Mapping[str, Any] | None = None,
    now: datetime,
) -> ValidationRule:
    """Change a rule for a kind of meter ("": all of them); what is not given stays.

    Takes effect with the next readings; `manage.py validate` looks at those already there.
    Switched off, its open exceptions close. Raises WrongParameters. Safe to call twice.
    """
    entry = CATALOGUE[RuleCode(code).value]
    if kind:
        MeterKind(kind)
    row, _created = ValidationRule.objects.get_or_create(
        tenant_id=current_tenant_id(),
        code=code,
        kind=kind,
        defaults={"severity": entry.severity, "parameters": entry.defaults},
    )
    if severity is not None:
        row.severity = Severity(severity)
    if is_enabled is not None:
        row.is_enabled = is_enabled
    if parameters is not None:
        row.parameters = checked(code, {**row.parameters, **parameters})
    row.save()
    if not row.is_enabled:
        _withdraw(row, now)
    return row


def forget_rule(row: ValidationRule) -> None:
    """Go back to the catalogue's defaults. Safe to call twice."""
    ValidationRule.objects.filter(pk=row.pk).delete()


def _withdraw(row: ValidationRule, now: datetime) -> None:
    """Close what is open for a rule that nobody wants any more."""
    rows = list(ValidationRule.objects.filter(code=row.code))
    entry = CATALOGUE[row.code]
    off = [
        kind
        for kind in entry.kinds
        if (applied := applied_to(entry, kind, rows)) and not applied.is_enabled
    ]
    MeterException.objects.filter(rule=row.code, meter__kind__in=off, state__in=UNDECIDED).update(
        state=ExceptionState.RESOLVED,
        resolution=Resolution.WITHDRAWN,
        decided_at=now,
        decided_by="",
    )
