"""Addresses among the settings: of Zope's instances, and of the site as visitors know it."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

ORIGIN = "scheme, host and port, such as http://127.0.0.1:8080"
PUBLIC_URL = "an address such as https://www.example.com"
SCHEMES = ("http", "https")


def check_origin(address: str) -> str:
    """Return the address of an instance; raise ``ValueError`` saying what is wanted instead."""
    parts = _split_url(address, wanted=ORIGIN)
    is_whole = f"{parts.scheme}://{parts.netloc}" == address and parts.hostname
    if parts.scheme not in SCHEMES or not is_whole:
        raise ValueError(ORIGIN)
    if "@" in address:
        raise ValueError(f"{ORIGIN}, without a login")
    return address


def check_public_url(address: str) -> str:
    """Return the address of the site; raise ``ValueError`` saying what is wanted instead."""
    parts = _split_url(address, wanted=PUBLIC_URL)
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    is_whole = address.startswith(f"{parts.scheme}://{parts.hostname}")
    if parts.scheme not in SCHEMES or not is_plain or not is_whole:
        raise ValueError(PUBLIC_URL)
    return address.rstrip("/")


def _split_url(address: str, *, wanted: str) -> SplitResult:
    """Return the parts; raise ``ValueError`` saying what is wanted if it has none."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises
    except ValueError:
        raise ValueError(wanted) from None
    return parts
