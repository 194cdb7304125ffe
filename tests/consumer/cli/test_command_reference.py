"""The reference of the command line and the commands' own help say the same."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from coserver_consumer.cli import main

REFERENCE = (Path(__file__).parents[3] / "docs" / "reference" / "command-line.md").read_text()
EVERYWHERE = {"--help", "--config", "--database", "--json", "--version"}
SETTINGS = "coserver run"  # its options are the settings, which have a page of their own
SHARED = {  # described with another command, to which their section links
    "coserver jobs retry": "coserver jobs list",
    "coserver jobs cancel": "coserver jobs list",
    "coserver jobs count": "coserver jobs list",
    "coserver jobs move": "coserver jobs list",
    "coserver jobs priority": "coserver jobs list",
}


def find_commands(group: click.Group, path: str) -> dict[str, click.Command]:
    """Return the commands that do something, by what one types."""
    context = click.Context(group)
    found: dict[str, click.Command] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            found |= find_commands(command, f"{path} {name}")
        elif command is not None:
            found[f"{path} {name}"] = command
    return found


COMMANDS = find_commands(main, "coserver")
SECTIONS = dict(re.findall(r"^## (coserver .+)\n([^#]*(?:#(?!# )[^#]*)*)", REFERENCE, re.MULTILINE))


def find_options(command: click.Command) -> dict[str, click.Option]:
    """Return the options that a command has beside those of all."""
    options = [each for each in command.params if isinstance(each, click.Option)]
    return {each.opts[-1]: each for each in options if each.opts[-1] not in EVERYWHERE}


def test_the_reference_has_a_section_for_each_command():
    """And none for a command that isn't there any more."""
    assert SECTIONS.keys() == COMMANDS.keys()


@pytest.mark.parametrize("path", sorted(COMMANDS.keys() - {SETTINGS}))
def test_a_section_names_the_options_of_its_command(path):
    """All of them; those that another section explains are linked."""
    text = SECTIONS[path]
    if other := SHARED.get(path):
        assert f"(#{other.replace(' ', '-')})" in text
        text += SECTIONS[other]
    named = set(re.findall(r"--[a-z-]+", text))
    assert find_options(COMMANDS[path]).keys() - named == set()


@pytest.mark.parametrize("path", sorted(COMMANDS))
def test_the_help_of_a_command_is_enough(path):
    """It has an example that begins as one types it, and says of each option what it does."""
    command = COMMANDS[path]
    assert f"      {path}" in f"      {command.help}".replace("\n  ", "\n      ")
    assert command.short_help or len(command.get_short_help_str(45)) < 45
    for name, option in find_options(command).items():
        assert option.help, name
        assert option.help.rstrip().endswith((".", "]")), name


def test_an_option_of_days_asks_for_days():
    """Most times are in seconds, and so says the help of most."""
    units = {name: each.metavar for name, each in find_options(COMMANDS[SETTINGS]).items()}
    days = {name: unit for name, unit in units.items() if name.endswith("-days")}
    assert days == {"--signed-days": "DAYS", "--keep-days": "DAYS"}


def test_an_option_that_a_section_names_is_there():
    """The page must not promise what was removed."""
    for path, text in SECTIONS.items():
        blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        used = set(re.findall(r"(?<=\s)--[a-z-]+", "\n".join(blocks)))
        command = COMMANDS[path]
        known = {name for each in command.params for name in each.opts}
        assert used <= known, path
