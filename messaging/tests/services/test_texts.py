from __future__ import annotations

import time

import pytest

from messaging.errors import TextTooLong, UnknownVariable
from messaging.services.kinds import DefaultText, MessageKind, register_kind
from messaging.services.texts import check_text, fill, html_of, variables_in

ALLOWED = {"name", "amount"}


def test_both_ways_of_writing_a_name_work() -> None:
    assert fill("{name} {{name}} {{ name }}", {"name": "Ana"}) == "Ana Ana Ana"
    assert variables_in("{{amount}} {name} {amount}") == ["amount", "name"]


@pytest.mark.parametrize(
    "text",
    [
        "{nome}",
        "{{7*7}}",
        "{% include 'x' %}",
        "{0.__class__}",
        "{name.__class__}",
        "{name!r}",
        "{name:>999999999}",
        "{{ name|ljust:'30000000' }}",
        "{{ client.tenant.api_key }}",
        "{#comment#}",
        "{{{name}}}",
        "{",
        "}",
        "{}",
        "{ name }",
    ],
)
def test_anything_but_an_allowed_name_is_refused_with_those_that_are_allowed(text: str) -> None:
    with pytest.raises(UnknownVariable, match="amount, name"):
        check_text(text, ALLOWED)


@pytest.mark.parametrize("text", ["", "100% %n $name", "{name}", "{{ amount }}", "<b>{name}</b>"])
def test_plain_text_and_allowed_names_pass(text: str) -> None:
    check_text(text, ALLOWED)


def test_a_value_is_never_replaced_again() -> None:
    assert fill("{name}", {"name": "{amount}", "amount": "1"}) == "{amount}"


def test_hidden_characters_do_not_survive_in_values() -> None:
    assert fill("{name}", {"name": "a\u202eb\x00c\x1bd"}) == "abcd"


def test_a_text_has_an_end() -> None:
    with pytest.raises(TextTooLong):
        fill("{name}" * 1000, {"name": "x" * 100})
    with pytest.raises(TextTooLong):
        check_text("x" * 16_001, ALLOWED)


def test_hostile_braces_take_no_time() -> None:
    began = time.monotonic()
    for text in ("{" * 16_000, "{{ " * 5_000, "{" + "a" * 15_000, "{{" + " " * 15_000):
        variables_in(text)

    assert time.monotonic() - began < 0.5


def test_html_is_escaped_and_addresses_become_links() -> None:
    letter = html_of(
        "Olá <script>\n\nPague em https://pulso.example/f?a=1&b=2",
        subject="<s>",
        company="A & B",
        language="pt-br",
    )

    assert "<script>" not in letter
    assert "Olá &lt;script&gt;" in letter
    assert '<a href="https://pulso.example/f?a=1&amp;b=2"' in letter
    assert "A &amp; B" in letter
    assert "<title>&lt;s&gt;</title>" in letter


def test_a_kind_with_wrong_words_is_refused_when_it_is_registered() -> None:
    texts = {"en": DefaultText(body="{unknown}")}

    with pytest.raises(UnknownVariable):
        register_kind(MessageKind(key="wrong", label="Wrong", texts=texts))
