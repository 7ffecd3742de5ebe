"""The gateways there are. To add one: write the file, add the line, add its kind to the model."""

from __future__ import annotations

from billing.gateways.api_pix import ApiPix
from billing.gateways.base import Gateway

GATEWAYS: dict[str, type[Gateway]] = {
    "simulator": ApiPix,  # the simulated bank speaks the real words
    "pix_psp": ApiPix,
}
