"""The live feed alone, for a granian process of its own."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from clients.api import live  # noqa: E402 - Django must be set up first

live.CHECK_S = float(os.environ.get("LIVE_CHECK_S", live.CHECK_S))
application = live.live_application
