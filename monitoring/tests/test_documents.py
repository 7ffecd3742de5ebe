from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
ROLES = ("OWNER", "INGEST", "OPS", "BACKUP")
OLD_VARIABLES = """
SUPABASE_URL SUPABASE_KEY DATABASE_URL TELEGRAM_BOT_TOKEN TELEGRAM_CHAT_ID SECRET_KEY ALGORITHM
LOGTAIL_SOURCE_TOKEN APP_NAME API_PREFIX SCHEDULER_TIMEZONE ENABLE_FORWARDING FORWARDER_URL
TUYA_* GOOGLE_DRIVE_CREDENTIALS_FILE GOOGLE_DRIVE_FOLDER_ID CL_TOKEN REDIS_URL POSTGRES_DB
POSTGRES_USER POSTGRES_PASSWORD REPLICA_URL SENTRY_DSN CELERY_BROKER_URL ENCRYPTION_KEY
ALLOWED_ORIGINS <GATEWAY>_SPLIT_USER_ID REDIS_HOST REDIS_PORT REDIS_PASSWORD REDIS_TLS_ENABLED
WHATSAPP_API_URL WHATSAPP_PHONE_NUMBER_ID WHATSAPP_ACCESS_TOKEN SENDGRID_API_KEY
SENDGRID_FROM_EMAIL TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN SENTRY_ENVIRONMENT LOG_LEVEL
LOG_FORMAT ALERT_EMAIL ALERT_SLACK_WEBHOOK ALERT_DISCORD_WEBHOOK BACKUP_ENABLED BACKUP_SCHEDULE
BACKUP_RETENTION_DAYS RATE_LIMIT_ENABLED MAX_REQUESTS_PER_MINUTE CORS_ORIGIN HELMET_ENABLED
CSRF_PROTECTION_ENABLED AUDIT_LOG_ENABLED AUDIT_LOG_RETENTION_DAYS
""".split()  # noqa: SIM905 - a list as people read it


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def in_settings() -> set[str]:
    """The variables that config/settings.py reads."""
    code = text("config/settings.py")
    found = set(re.findall(r'(?:env\.\w+|\bsecret)\(\s*"([A-Z][A-Z0-9_]+)"', code))
    assert 'f"DATABASE_{_alias.upper()}_URL"' in code
    return found | {f"DATABASE_{role}_URL" for role in ROLES}


def in_example() -> list[str]:
    return re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text(".env.example"), re.MULTILINE)


def in_readme() -> list[str]:
    table = text("README.md").partition("## Settings")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([A-Z][A-Z0-9_]+)`", table, re.MULTILINE)


def test_settings_example_and_readme_name_the_same_variables() -> None:
    assert set(in_example()) == in_settings()
    assert set(in_readme()) == in_settings()


def test_no_variable_is_documented_twice() -> None:
    assert len(in_example()) == len(set(in_example()))
    assert len(in_readme()) == len(set(in_readme()))


def test_the_readme_marks_what_production_needs() -> None:
    marked = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` ●", text("README.md"), re.MULTILINE))
    assert marked == set(settings.REQUIRED_IN_PRODUCTION)


def test_every_variable_of_the_old_systems_has_its_place() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", text("docs/settings.md"), re.MULTILINE)
    placed = {name: place for name, place in rows if place.strip()}
    assert [name for name in OLD_VARIABLES if name not in placed] == []


def test_a_kept_variable_is_a_setting() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| Kept\b", text("docs/settings.md"), re.MULTILINE)
    assert set(rows) - {"AUDIT_LOG_RETENTION_DAYS"} <= in_settings()


def test_every_app_has_a_readme_of_one_screen() -> None:
    for app in ("clients", "meters", "messaging", "billing", "monitoring"):
        lines = text(f"{app}/README.md").splitlines()
        assert 10 < len(lines) <= 80, app


def test_links_between_documents_lead_somewhere() -> None:
    for name in ("README.md", "docs/settings.md"):
        for link in re.findall(r"\]\(([^)#]+)\)?", text(name)):
            assert ((ROOT / name).parent / link).exists(), f"{name} → {link}"
