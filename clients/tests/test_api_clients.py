from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from clients.kernel.keys import uuid7
from clients.models import Client, ContactPoint, Tenant
from clients.testing import make_client, make_member, sign_in

URL = "/api/v1/clients"
AMINA = {
    "name": "Amina Souza",
    "document": "529.982.247-25",
    "contact_points": [{"kind": "phone", "value": "(11) 98765-4321"}],
}


def post(browser: Browser, body: Any, **headers: str) -> Any:
    return browser.post(URL, body, content_type="application/json", headers=headers)


def patch(browser: Browser, client: Client, body: Any) -> Any:
    return browser.patch(f"{URL}/{client.public_id}", body, content_type="application/json")


def test_a_client_is_created_with_its_contact_points(acacia: Tenant) -> None:
    answer = post(sign_in(acacia), AMINA)

    client = Client.objects.get()
    assert answer.status_code == 201
    assert answer.json()["id"] == str(client.public_id)
    assert (client.name, client.document) == ("Amina Souza", "52998224725")
    assert [(point["kind"], point["value"]) for point in answer.json()["contact_points"]] == [
        ("phone", "+5511987654321")
    ]


def test_a_punctuated_cnpj_of_2026_makes_a_company(acacia: Tenant) -> None:
    answer = post(sign_in(acacia), {"name": "Padaria", "document": "12.abc.345/01de-35"})
    assert (answer.status_code, answer.json()["document"], answer.json()["kind"]) == (
        201,
        "12ABC34501DE35",
        "company",
    )


def test_contact_points_that_stay_keep_their_ids(acacia: Tenant) -> None:
    client = make_client(tenant=acacia, phone="+5511987654321", email="old@example.com")
    kept = ContactPoint.objects.get(kind="phone")

    answer = patch(
        sign_in(acacia),
        client,
        {
            "contact_points": [
                {"kind": "email", "value": "New@Example.com"},
                {"kind": "phone", "value": "11 98765-4321", "label": "Loja"},
            ]
        },
    )

    assert answer.status_code == 200
    points = {point["value"]: point for point in answer.json()["contact_points"]}
    assert set(points) == {"new@example.com", "+5511987654321"}
    assert points["+5511987654321"]["id"] == str(kept.public_id)
    assert points["+5511987654321"]["label"] == "Loja"


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({}, "name", "required"),
        ({"name": 5}, "name", "invalid"),
        ({"name": "A", "tenant": 2}, "tenant", "unknown_field"),
        ({"name": "A", "id": str(uuid7())}, "id", "read_only_field"),
        ({"name": "A", "kind": "robot"}, "kind", "invalid_choice"),
        ({"name": "A\u0000"}, "name", "unprintable"),
        ({"name": "A", "document": "52998224726"}, "document", "wrong_cpf"),
        ({"name": "A" * 201}, "name", "max_length"),
        (
            {"name": "A", "contact_points": [{"kind": "email", "value": "x"}]},
            "contact_points.0.value",
            "invalid",
        ),
        (
            {
                "name": "A",
                "contact_points": [{"kind": "email", "value": "a@b.co", "is_preferred": 1}],
            },
            "contact_points.0.is_preferred",
            "invalid",
        ),
        ({"name": "A", "contact_points": "x"}, "contact_points", "not_a_list"),
    ],
)
def test_a_wrong_body_is_refused_and_nothing_is_stored(
    acacia: Tenant, body: Any, path: str, code: str
) -> None:
    answer = post(sign_in(acacia), body)

    assert answer.status_code == 400
    assert {
        name: [one["code"] for one in found] for name, found in answer.json()["fields"].items()
    } == {path: [code]}
    assert Client.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "malformed_json"),
        (b'{"name": NaN}', "malformed_json"),
        (b"[" * 100_000, "malformed_json"),
        (b"[]", "invalid"),
        (b'{"name": "\xff"}', "malformed_json"),
        (b'{"name": "' + b"x" * 2_000_001 + b'"}', "too_large"),
    ],
)
def test_what_is_not_an_object_of_json_is_refused(acacia: Tenant, body: bytes, code: str) -> None:
    answer = post(sign_in(acacia), body)
    assert (answer.status_code, answer.json()["code"]) == (
        413 if code == "too_large" else 400,
        code,
    )


def test_the_same_document_twice_is_a_conflict(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    post(browser, AMINA)
    answer = post(browser, AMINA)
    assert (answer.status_code, answer.json()["code"]) == (409, "document_taken")
    assert Client.objects.count() == 1


def test_a_list_pages_through_every_client_once(acacia: Tenant) -> None:
    for number in range(45):
        make_client(tenant=acacia, name=f"Client {number % 7}")
    browser, seen, cursor = sign_in(acacia), [], ""
    for _ in range(5):
        page = browser.get(URL, {"limit": 10, **({"cursor": cursor} if cursor else {})}).json()
        seen += [(row["name"], row["id"]) for row in page["results"]]
        cursor = page["next_cursor"]

    assert cursor is None
    assert len(set(seen)) == 45
    assert [name for name, _ in seen] == sorted(name for name, _ in seen)


def test_pages_by_time_run_backwards_too(acacia: Tenant) -> None:
    names = [make_client(tenant=acacia, name=f"Client {number}").name for number in range(5)]
    browser, seen, cursor = sign_in(acacia), [], None
    for _ in range(3):
        query = {"limit": 2, "ordering": "-created_at", **({"cursor": cursor} if cursor else {})}
        page = browser.get(URL, query).json()
        seen += [row["name"] for row in page["results"]]
        cursor = page["next_cursor"]
    assert seen == names[::-1]


def test_a_list_answers_twenty_unless_asked(acacia: Tenant) -> None:
    for _ in range(21):
        make_client(tenant=acacia)
    browser = sign_in(acacia)
    assert len(browser.get(URL).json()["results"]) == 20
    assert len(browser.get(URL, {"limit": 200}).json()["results"]) == 21


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "invalid_limit"),
        ("limit=201", "invalid_limit"),
        (f"limit={'9' * 5000}", "invalid_limit"),
        ("limit=x", "invalid_limit"),
        ("limit=٣", "invalid_limit"),
        ("ordering=notes", "invalid_ordering"),
        ("ordering=tenant__name", "invalid_ordering"),
        ("cursor=abc", "invalid_cursor"),
        ("cursor=ação", "invalid_cursor"),
        ("colour=red", "unknown_parameter"),
        ("name__startswith=A", "unknown_parameter"),
        ("status=active&status=closed", "repeated_parameter"),
        ("status=nobody", "invalid"),
        ("created_after=yesterday", "invalid"),
        ("created_after=99999-01-01", "invalid"),
        ("q=%00", "invalid"),
    ],
)
def test_undeclared_parameters_are_refused(acacia: Tenant, query: str, code: str) -> None:
    answer = sign_in(acacia).get(f"{URL}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_filter_that_is_no_choice_names_the_choices(acacia: Tenant) -> None:
    said = sign_in(acacia).get(f"{URL}?status=nobody").json()["fields"]["status"][0]["detail"]
    assert "nobody" in said
    assert "active, paused, closed" in said


def test_filters_find_by_name_document_and_status(acacia: Tenant) -> None:
    make_client(tenant=acacia, name="Amina Souza", document="52998224725")
    make_client(tenant=acacia, name="Bruno", status="paused")
    browser = sign_in(acacia)
    for query, found in [
        ("q=souz", ["Amina Souza"]),
        ("q=52998224725", ["Amina Souza"]),
        ("status=paused", ["Bruno"]),
    ]:
        assert [row["name"] for row in browser.get(f"{URL}?{query}").json()["results"]] == found


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        ("owner", [200, 201, 200, 204]),
        ("manager", [200, 201, 200, 204]),
        ("operator", [200, 201, 200, 204]),
        ("professional", [200, 403, 403, 403]),
        ("viewer", [200, 403, 403, 403]),
    ],
)
def test_the_role_says_who_reads_and_who_writes(
    acacia: Tenant, role: str, statuses: list[int]
) -> None:
    client = make_client(tenant=acacia)
    browser = sign_in(acacia, role)
    assert [
        browser.get(URL).status_code,
        post(browser, {"name": "New"}).status_code,
        patch(browser, client, {"name": "Other"}).status_code,
        browser.delete(f"{URL}/{client.public_id}").status_code,
    ] == statuses


def test_a_visitor_is_sent_to_sign_in(db: None) -> None:
    answer = Browser().get(URL)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_an_unknown_address_and_an_unknown_id_answer_the_same_bytes(acacia: Tenant) -> None:
    browser = sign_in(acacia)
    answers = [browser.get(f"{URL}/{name}") for name in (uuid7(), "1", "x" * 500)]
    answers.append(browser.get("/api/v1/nothing"))
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_a_method_that_is_not_offered_answers_405_in_the_one_shape(acacia: Tenant) -> None:
    client = make_client(tenant=acacia)
    answer = sign_in(acacia).put(f"{URL}/{client.public_id}", {}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_a_session_without_the_csrf_token_cannot_write(acacia: Tenant) -> None:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(make_member(tenant=acacia), "django.contrib.auth.backends.ModelBackend")
    answer = post(browser, AMINA)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert Client.objects.count() == 0


def test_the_number_of_queries_of_a_list_does_not_grow(
    acacia: Tenant, django_assert_num_queries: Any
) -> None:
    browser = sign_in(acacia)
    browser.get(URL)
    for number in range(30):
        make_client(tenant=acacia, phone=f"+55119876543{number:02}")
    with django_assert_num_queries(11):
        browser.get(URL, {"limit": 30})


@pytest.mark.parametrize("code", ["abc", "1320-000", "1320100a", "١٣٢٠١٠٠٠"])
def test_a_postal_code_has_eight_digits(acacia: Tenant, code: str) -> None:
    answer = post(sign_in(acacia), AMINA | {"postal_code": code})

    assert answer.status_code == 400
    assert "postal_code" in str(answer.json())
    assert not Client.objects.exists()
    assert post(sign_in(acacia), AMINA | {"postal_code": "13201-000"}).status_code == 201


def test_a_name_that_is_said_twice_is_refused(acacia: Tenant) -> None:
    body = '{"name": "Amina", "contact_points": [{"kind": "phone", "kind": "email"}]}'

    answer = sign_in(acacia).post(URL, body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["code"] == "repeated_name"
    assert "kind" in answer.json()["detail"]
    assert not Client.objects.exists()
