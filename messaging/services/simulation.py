"""Accounts that talk to the simulators until real credentials are entered."""

from __future__ import annotations

import base64
import json

SIMULATED = "SIM."  # how a simulator's bearer tokens begin


def simulated_token(callback: str, secret: str) -> str:
    """A bearer token from which the WhatsApp simulator learns where to post webhooks."""
    packed = json.dumps({"callback": callback, "secret": secret}).encode()
    return SIMULATED + base64.urlsafe_b64encode(packed).decode().rstrip("=")
