"""A tenant's own words, kept by version, and which words a message gets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from messaging.channels.base import ProviderTemplate
from messaging.errors import NoText
from messaging.models import Template
from messaging.services.kinds import DefaultText, kind_of
from messaging.services.texts import check_text, fill, variables_in

Wording = tuple[str, str, str]  # kind, channel, language
FALLBACK_LANGUAGES = ("pt-br", "en")


@dataclass(frozen=True)
class Words:
    """What one message says. `template` is the tenant's version, if it has one."""

    subject: str
    body: str
    language: str
    provider_template: ProviderTemplate | None = None
    template: Template | None = None


def save_template(
    key: str,
    channel: str,
    *,
    body: str,
    subject: str = "",
    language: str = "pt-br",
    provider_name: str = "",
) -> Template:
    """The next version of the tenant's words. Messages already written keep theirs.

    Raises UnknownVariable with the names that may be used, or UnknownMessageKind.
    """
    check_words(key, subject)
    check_words(key, body)
    ours = Template.objects.filter(key=key, channel=channel, language=language)
    with transaction.atomic():
        newest = ours.aggregate(newest=Max("version"))["newest"] or 0
        ours.filter(is_current=True).update(is_current=False)
        return Template.objects.create(
            key=key,
            channel=channel,
            language=language,
            subject=subject,
            body=body,
            provider_name=provider_name,
            version=newest + 1,
        )


def check_words(key: str, text: str) -> None:
    """Raise UnknownVariable, TextTooLong or UnknownMessageKind unless the text may be used."""
    check_text(text, kind_of(key).examples)


def withdraw_template(template: Template) -> None:
    """Go back to the words that Pulso brings. Safe to call twice."""
    Template.objects.filter(pk=template.pk).update(is_current=False)


def own_wordings(kinds: Collection[str]) -> dict[Wording, Template]:
    """The tenant's own words for these kinds, by kind, channel and language."""
    current = Template.objects.filter(key__in=kinds, is_current=True)
    return {(each.key, each.channel, each.language): each for each in current}


def words_for(
    key: str,
    channel: str,
    languages: Sequence[str],
    values: Mapping[str, str],
    own: Mapping[Wording, Template],
) -> Words:
    """What a message of this kind says on this channel, in the first language that has words.

    The tenant's `own_wordings` come before ours. Raises NoText.
    """
    kind = kind_of(key)
    for language in dict.fromkeys([*languages, *FALLBACK_LANGUAGES]):
        if template := own.get((key, channel, language)):
            return _filled(template, template.provider_name, language, values)
        if text := kind.texts.get(language):
            approved_name = key if kind.is_approved else ""
            return _filled(text, approved_name, language, values)
    raise NoText(_("There are no words for “%s” in this language.") % key)


def _filled(
    text: Template | DefaultText, approved_name: str, language: str, values: Mapping[str, str]
) -> Words:
    parameters = tuple(values.get(name) or "-" for name in variables_in(text.body))
    approved = ProviderTemplate(approved_name, _meta_language(language), parameters)
    return Words(
        subject=fill(text.subject, values)[:200],
        body=fill(text.body, values),
        language=language,
        provider_template=approved if approved_name else None,
        template=text if isinstance(text, Template) else None,
    )


def _meta_language(language: str) -> str:
    """`pt_BR` for pt-br, as Meta writes it."""
    first, _, second = language.partition("-")
    return f"{first}_{second.upper()}" if second else first
