"""The kinds of message that exist. An app above registers its own; a tenant may reword each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messaging.errors import UnknownMessageKind
from messaging.services.texts import check_text

# In every message; the Portuguese names mean the same.
COMMON = {
    "name": "Maria da Silva",
    "first_name": "Maria",
    "company": "Acácia Energia",
    "nome": "Maria da Silva",
    "primeiro_nome": "Maria",
    "empresa": "Acácia Energia",
}


@dataclass(frozen=True)
class DefaultText:
    """The words that are used until a tenant writes its own."""

    body: str
    subject: str = ""


@dataclass(frozen=True)
class MessageKind:
    """What a message is about: its variables (each with an example) and its first words.

    `texts` is by language, such as "pt-br". On WhatsApp they go under the kind's own key as the
    name of a template that Meta approved, unless `is_approved` is False: then as a free text.
    """

    key: str
    label: object
    variables: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, DefaultText] = field(default_factory=dict)
    is_approved: bool = True

    @property
    def examples(self) -> dict[str, str]:
        """Every name that a text of this kind may use, with an example."""
        return {**COMMON, **self.variables}


_kinds: dict[str, MessageKind] = {}


def register_kind(kind: MessageKind) -> MessageKind:
    """Make a kind known. Its default texts are checked at once. Safe to call twice."""
    for text in kind.texts.values():
        check_text(text.body, kind.examples)
        check_text(text.subject, kind.examples)
    _kinds[kind.key] = kind
    return kind


def kind_of(key: str) -> MessageKind:
    """The kind by its key; raises UnknownMessageKind."""
    if key not in _kinds:
        raise UnknownMessageKind(_("There is no kind of message called “%s”.") % key)
    return _kinds[key]


def label_of(key: str) -> str:
    """What people call the kind; its key when nobody registered it."""
    return str(_kinds[key].label) if key in _kinds else key


def all_kinds() -> list[MessageKind]:
    return list(_kinds.values())


FREE_TEXT = register_kind(
    MessageKind(
        key="free_text",
        is_approved=False,
        label=gettext_lazy("Free text"),
        variables={"subject": "Aviso", "text": "Amanhã não haverá atendimento."},
        texts={
            "pt-br": DefaultText(subject="{subject}", body="{text}"),
            "en": DefaultText(subject="{subject}", body="{text}"),
        },
    )
)
