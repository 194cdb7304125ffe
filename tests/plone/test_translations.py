"""Every text has a message id, and every message a German translation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pythongettext.msgfmt import Msgfmt

import collective.coserver
from coserver_consumer.diagnosis.reasons import SENTENCES

HERE = Path(collective.coserver.__file__).parent
GERMAN = HERE / "locales/de/LC_MESSAGES/collective.coserver"
IN_SOURCE = (
    re.compile(r'_\(\s*"([^"]+)"'),
    re.compile(r'i18n:translate="([^"]+)"'),
    re.compile(r'i18n:attributes="[\w-]+ (\w+)"'),
)
ENTRY = re.compile(r'^msgid "(.+)"\nmsgstr "(.*)"$', re.MULTILINE)


def messages_in_source() -> set[str]:
    """Return the message ids that modules and templates use."""
    texts = [file.read_text() for suffix in ("py", "pt") for file in HERE.rglob(f"*.{suffix}")]
    return {found for text in texts for pattern in IN_SOURCE for found in pattern.findall(text)}


def entries(catalog: Path) -> dict[str, str]:
    """Return what a catalog has for each message id."""
    return dict(ENTRY.findall(catalog.read_text()))


def test_every_message_is_in_the_template() -> None:
    """Translators find all there is to translate."""
    template = entries(HERE / "locales/collective.coserver.pot")
    assert messages_in_source() - set(template) == set()


def test_every_message_is_translated() -> None:
    """None is missing, none is left over."""
    template = entries(HERE / "locales/collective.coserver.pot")
    german = entries(GERMAN.with_suffix(".coserver.po"))
    assert set(german) == set(template)
    assert [msgid for msgid, text in german.items() if not text] == []


def test_every_reason_can_be_translated() -> None:
    """By its code, and the template has the sentence that the code stands for."""
    template = (HERE / "locales/collective.coserver.pot").read_text()
    place = "#: controlpanel/reasons.py"
    entries = [
        f'#. Default: "{text}"\n{place}\nmsgid "why_{code}"'
        for code, text in SENTENCES.items()
        if text
    ]
    assert [entry for entry in entries if entry not in template] == []


@pytest.mark.parametrize("pattern", [r"\$\{\w+\}"])
def test_translations_keep_the_variables(pattern: str) -> None:
    """What is filled in has the same names."""
    defaults = re.findall(
        r'#\. Default: "(.*)"\n(?:#:.*\n)*msgid ".*"\nmsgstr "(.*)"',
        GERMAN.with_suffix(".coserver.po").read_text(),
    )
    for default, text in defaults:
        assert set(re.findall(pattern, default)) == set(re.findall(pattern, text))


def test_the_compiled_catalog_is_up_to_date() -> None:
    """Zope reads the .mo file; it is compiled from this .po file."""
    with GERMAN.with_suffix(".coserver.po").open("rb") as source:
        compiled = Msgfmt(source, name="collective.coserver").get()
    assert GERMAN.with_suffix(".coserver.mo").read_bytes() == compiled
