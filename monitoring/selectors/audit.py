"""Who changed what, when and why, over every audited table of the open tenant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.apps import apps
from django.db.models import CharField, Max, Model, OuterRef, Q, QuerySet, Subquery, Value
from django.utils.translation import gettext_lazy as _

from clients.kernel.audit import AuditEvent
from clients.models import User
from monitoring.selectors.audit_position import AuditPosition

LONGEST: Final = 120
QUIET: Final = frozenset({"id", "public_id", "tenant", "created_at", "updated_at"})
VERBS: Final = {"insert": "created", "update": "changed", "delete": "deleted"}
VERB_LABELS: Final = {
    "created": _("added"),
    "changed": _("changed"),
    "deleted": _("deleted"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One field of a row, before and after, as text."""

    field: str
    label: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change of one row; `subject` is what the row called itself then."""

    event_id: int
    at: datetime
    verb: str
    model: str
    model_label: str
    object_id: str
    subject: str
    user_id: int | None
    user_public_id: str
    who: str
    reason: str
    request_id: str
    task: str
    changes: tuple[Change, ...]

    @property
    def verb_label(self) -> str:
        return str(VERB_LABELS.get(self.verb, self.verb))

    @property
    def position(self) -> AuditPosition:
        return AuditPosition(self.at, self.model, self.event_id)


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """What to look for: a table, a row, a person, a stretch of time; all optional."""

    model: str = ""
    object_id: str = ""
    user_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    older_than: AuditPosition | None = None


def event_models() -> dict[str, type[Model]]:
    """The event tables by the label of the model they tell about, for example `clients.client`."""
    return {
        tracked_model(model)._meta.label_lower: model
        for model in apps.get_models()
        if issubclass(model, AuditEvent)
    }


def tracked_model(event: type[Model]) -> type[Model]:
    """The model whose rows the events tell about."""
    found: type[Model] = event._meta.get_field("pgh_obj").related_model  # type: ignore[assignment]
    return found


def audit_entries(question: AuditQuestion, limit: int = 50) -> list[AuditEntry]:
    """The newest changes first; a constant number of queries however many there are."""
    models = event_models()
    if question.model:
        models = {name: models[name] for name in models if name == question.model}
    keys = newest_keys(models, question, limit)
    entries = [
        entry
        for name in {name for name, _, _ in keys}
        for entry in entries_of(name, models[name], [pk for label, pk, _ in keys if label == name])
    ]
    in_order = sorted(entries, key=lambda e: (e.at, e.model, e.event_id), reverse=True)
    return named(in_order)


def newest_keys(
    models: dict[str, type[Model]], question: AuditQuestion, limit: int
) -> list[tuple[str, int, datetime]]:
    """(model, event id, instant) of the entries that answer, in one query."""
    parts = [
        matching(name, model, question)
        .annotate(model_name=Value(name, output_field=CharField()))
        .values_list("model_name", "pgh_id", "pgh_created_at")
        .order_by()
        for name, model in models.items()
    ]
    if not parts:
        return []
    together = parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]
    return list(together.order_by("-pgh_created_at", "-model_name", "-pgh_id")[:limit])


def matching(name: str, model: type[Model], question: AuditQuestion) -> QuerySet[Any, Any]:
    """The events of one table that answer the question."""
    rows = model._default_manager.all()
    if question.user_id is not None:
        rows = rows.filter(pgh_context__user_id=question.user_id)
    if question.since:
        rows = rows.filter(pgh_created_at__gte=question.since)
    if question.until:
        rows = rows.filter(pgh_created_at__lt=question.until)
    if question.older_than:
        rows = rows.filter(older(name, question.older_than))
    if question.object_id:
        has_public_id = any(f.name == "public_id" for f in model._meta.concrete_fields)
        rows = rows.filter(public_id=question.object_id) if has_public_id else rows.none()
    return rows


def older(name: str, position: AuditPosition) -> Q:
    """What comes after `position` in the order of (instant, model, event), newest first."""
    earlier = Q(pgh_created_at__lt=position.at)
    same = Q(pgh_created_at=position.at)
    if name == position.model:
        return earlier | (same & Q(pgh_id__lt=position.event_id))
    return earlier | same if name < position.model else earlier


def entries_of(name: str, model: type[Model], keys: Sequence[int]) -> list[AuditEntry]:
    """The entries of one table, each compared with the row's event before it: two queries."""
    earlier = (
        model._default_manager.filter(pgh_obj_id=OuterRef("pgh_obj_id"), pgh_id__lt=OuterRef("pk"))
        .order_by()
        .values("pgh_obj_id")
        .annotate(last=Max("pgh_id"))
        .values("last")
    )
    events: list[Any] = list(
        model._default_manager.filter(pk__in=keys).annotate(pgh_previous=Subquery(earlier))
    )
    previous = model._default_manager.in_bulk([e.pgh_previous for e in events if e.pgh_previous])
    return [entry_of(name, event, previous.get(event.pgh_previous)) for event in events]


def entry_of(name: str, event: Any, before: Any) -> AuditEntry:
    facts = event.pgh_context or {}
    tracked = tracked_model(type(event))
    return AuditEntry(
        event_id=event.pgh_id,
        at=event.pgh_created_at,
        verb=VERBS.get(event.pgh_label, event.pgh_label),
        model=name,
        model_label=str(tracked._meta.verbose_name),
        object_id=str(getattr(event, "public_id", "")),
        subject=subject_of(tracked, event),
        user_id=facts.get("user_id"),
        user_public_id="",
        who=str(facts.get("command", "")),
        reason=str(facts.get("reason", "")),
        request_id=str(facts.get("request_id", "")),
        task=str(facts.get("task", "")),
        changes=tuple(changes_of(tracked, event, before)),
    )


def subject_of(tracked: type[Model], event: Any) -> str:
    """What the row called itself at the time, for people to recognise it."""
    for name in ("name", "number", "email", "value", "title", "key", "code"):
        if text := str(getattr(event, name, "") or ""):
            return text[:LONGEST]
    return ""


def changes_of(tracked: type[Model], event: Any, before: Any) -> Iterable[Change]:
    """The fields that differ from the event before. A deletion shows what was lost."""
    if event.pgh_label == "delete":
        before, event = event, None
    elif event.pgh_label == "insert":
        before = None
    for field in tracked._meta.concrete_fields:
        holder = event if event is not None else before
        if field.name in QUIET or field.is_relation or not hasattr(holder, field.attname):
            continue  # keys are internal numbers, which tell nobody anything
        old, new = text_of(before, field), text_of(event, field)
        if old != new and not (old is None and new == ""):
            yield Change(field.name, str(field.verbose_name), old, new)


def text_of(row: Any, field: Any) -> str | None:
    """The field's value as text people read: a choice by its label."""
    if row is None:
        return None
    value = getattr(row, field.attname)
    if value is None:
        return None
    if isinstance(value, bytes | memoryview):
        return f"{len(value)} bytes"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)[:LONGEST]
    label = dict(field.flatchoices).get(value, value)
    return str(label)[:LONGEST]


def named(entries: list[AuditEntry]) -> list[AuditEntry]:
    """The entries with the people's present names: the events keep numbers only."""
    people = User.objects.in_bulk({e.user_id for e in entries if e.user_id})
    return [with_name(entry, people) for entry in entries]


def with_name(entry: AuditEntry, people: dict[int, User]) -> AuditEntry:
    if entry.user_id and (user := people.get(entry.user_id)):
        return replace(entry, who=str(user), user_public_id=str(user.public_id))
    return replace(entry, who=entry.who or entry.task.rpartition(".")[2])
