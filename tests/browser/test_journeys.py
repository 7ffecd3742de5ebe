"""What people do with the keyboard alone, and what the windows promise."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


def test_payment_is_recorded_with_the_keyboard_alone(visit: Any) -> None:
    page = visit("invoice").page
    expect(page.locator("h1")).to_contain_text("A vencer")

    page.get_by_role("link", name="Registrar pagamento").focus()
    page.keyboard.press("Enter")
    window = page.get_by_role("dialog", name="Registrar um pagamento")
    expect(window).to_be_visible()
    expect(page.locator("#modal-content [name=amount]")).to_be_focused()
    page.locator("#modal-content button[type=submit]").focus()
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_contain_text("Paga")
    expect(page.get_by_role("status").first).to_contain_text("registrados na fatura")


def test_window_closes_by_escape_and_gives_the_focus_back(visit: Any) -> None:
    page = visit("client").page
    opener = page.get_by_role("link", name="Pausar")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.locator("#modal-content")).not_to_be_visible()
    expect(opener).to_be_focused()


def test_window_shows_what_would_happen_and_changes_nothing(visit: Any) -> None:
    page = visit("invoices").page
    before = page.locator("#result_list tbody").count()

    page.get_by_role("link", name="Faturar um mês").click()

    expect(page.get_by_role("dialog")).to_contain_text("4 já foram cobradas")
    page.get_by_role("button", name="Cancelar").click()
    page.reload()
    assert page.locator("#result_list tbody").count() == before == 4


def test_field_that_was_not_understood_says_so_in_its_window(visit: Any) -> None:
    page = visit("open invoice").page
    page.get_by_role("link", name="Registrar pagamento").click()

    page.locator("#modal-content [name=amount]").fill("muito")
    page.locator("#modal-content button[type=submit]").click()

    expect(page.get_by_role("dialog")).to_contain_text("Escreva o valor como 1.234,50.")


def test_tabs_follow_the_arrows_and_the_address_remembers_them(visit: Any) -> None:
    page = visit("client").page
    page.get_by_role("tab", name="Visão geral").focus()

    page.keyboard.press("ArrowRight")

    expect(page.get_by_role("tab", name="Faturas")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel", name="Faturas").get_by_role("table")).to_be_visible()
    assert page.url.endswith("#faturas")


def test_chart_is_read_aloud_by_arrows(visit: Any) -> None:
    page = visit("meter").page
    chart = page.locator("#main-chart")
    chart.focus()

    page.keyboard.press("ArrowRight")

    spoken = chart.get_attribute("aria-valuetext") or ""
    assert "W" in spoken
    assert ":" in spoken


def test_everything_is_found_with_ctrl_k(visit: Any) -> None:
    page = visit("home").page

    page.keyboard.press("Control+k")
    page.keyboard.type("padaria", delay=20)

    expect(page.locator("#command-results-list")).to_contain_text("Padaria Trigo Bom")


def test_theme_stays_after_a_reload(visit: Any) -> None:
    page = visit("home").page
    page.evaluate("localStorage.setItem('adminTheme', JSON.stringify('dark'))")

    page.reload()

    expect(page.locator("html")).to_have_class("dark")


def test_a_marked_stretch_comes_in_detail_and_goes_again(visit: Any) -> None:
    page = visit("meter").page
    box = page.locator("#main-chart .u-over").bounding_box()
    across = box["x"] + box["width"] * 0.2, box["x"] + box["width"] * 0.5

    page.mouse.move(across[0], box["y"] + 60)
    page.mouse.down()
    page.mouse.move(across[1], box["y"] + 60, steps=4)
    page.mouse.up()

    expect(page.locator("#zoomed")).to_contain_text("dos dados")
    page.mouse.dblclick(across[0], box["y"] + 60)
    expect(page.locator("#zoomed")).to_be_empty()
    page.get_by_role("button", name="Aproximar").press("Enter")
    expect(page.locator("#zoomed")).to_contain_text("dos dados")
    page.get_by_role("button", name="Mostrar tudo").press("Enter")
    expect(page.locator("#zoomed")).to_be_empty()


def test_newest_value_stands_at_the_head_of_the_meter(visit: Any) -> None:
    page = visit("meter").page

    expect(page.locator("#now strong")).to_contain_text("W")
    expect(page.locator("#now small")).not_to_be_empty()


def test_analysis_is_fetched_when_it_is_shown(visit: Any) -> None:
    page = visit("meter").page

    page.get_by_role("tab", name="Análise").click()

    expect(page.locator("#load-chart canvas")).to_be_visible()
    expect(page.locator("#habit [title]").first).to_be_visible()
