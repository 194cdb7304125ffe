"""Settings that work, but that nobody should have."""

from __future__ import annotations

import pickle
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer.diagnosis.hazards import find_hazards, find_weakness
from coserver_consumer.settings import python_fault
from coserver_consumer.settings.settings import Settings

URL = "sqlite:///queue.sqlite"


@pytest.mark.parametrize(
    "secret",
    [
        "a" * 32,
        "secret" * 6,
        "password1234" * 4,
        "0123456789abcdef" * 2,
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "01010101010101010101010101010101",
        "change me please " * 2,
    ],
)
def test_a_secret_that_somebody_made_up_is_weak(secret):
    """However long it is."""
    assert find_weakness(secret)
    [hazard] = find_hazards(Settings(database=URL, secret=secret))
    assert hazard.name == "secret"
    assert "openssl rand -hex 32" in hazard.advice
    assert secret not in str(hazard)


@given(st.binary(min_size=32, max_size=32))
def test_it_is_only_told_of_secrets_and_never_raises(data):
    """Whatever somebody has put there."""
    assert find_weakness(data.decode("latin-1")) is None or len(set(data)) < 32


@pytest.mark.parametrize(
    "make",
    [
        lambda: secrets.token_hex(32),
        lambda: secrets.token_hex(16),
        lambda: secrets.token_urlsafe(48),
        lambda: secrets.token_urlsafe(24),
    ],
)
def test_a_secret_that_chance_made_is_strong(make):
    """As the manual has people make them."""
    assert [find_weakness(make()) for _ in range(1000)] == [None] * 1000


@pytest.mark.parametrize(
    ("mode", "said"), [(0o644, "read"), (0o602, "change"), (0o640, None), (0o600, None)]
)
def test_a_secret_that_every_user_can_read_is_told(tmp_path, mode, said):
    """A group may read it: Zope and the consumer may run as two users."""
    file = tmp_path / "secret"
    file.write_text(secrets.token_hex(32))
    file.chmod(mode)
    found = [each.text for each in find_hazards(Settings(database=URL, secret_file=file))]
    assert len(found) == (0 if said is None else 1)
    assert all(f"every user of this machine can {said} {file}" in text for text in found)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('database = "postgresql://queue:hunter2@db/queue"', "the database's password"),
        (f'secret = "{"5ec2e7" * 10}"\ndatabase = "sqlite:///x"', "the secret"),
        ('database = "postgresql://queue@db/queue"', None),
        ("database = ", None),
    ],
)
def test_a_settings_file_with_a_secret_in_it_is_looked_at_as_well(tmp_path, text, kept):
    """One without may be read by anybody."""
    file = tmp_path / "coserver.toml"
    file.write_text(text)
    file.chmod(0o644)
    found = [each.text for each in find_hazards(Settings(database=URL), file)]
    assert [text.partition("which keeps ")[2] for text in found] == ([kept] if kept else [])
    assert "hunter2" not in "".join(found)


def test_a_python_that_breaks_versions_is_told(monkeypatch):
    """As Python 3.13.0 does; here its pickler is put in the place of this Python's."""

    class ReadOnly:
        persistent_id = property(lambda _: None)

        def __init__(self, file):
            self.file = file

    assert python_fault.find_fault() is None
    monkeypatch.setattr(pickle, "Pickler", ReadOnly)
    [hazard] = find_hazards(Settings(database=URL))
    assert (hazard.name, "3.13.1" in hazard.advice) == ("python", True)
