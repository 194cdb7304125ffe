"""The buildout recipe, by real runs of buildout with one part."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from zc.buildout import UserError

from collective.coserver.recipe import options as part_options
from collective.coserver.recipe.script import make_startable
from coserver_consumer.settings.settings import Settings
from demo.processes import Process
from demo.ready import log_says

BUILDOUT = Path(sys.executable).with_name("buildout")
CONFIGURATION = """\
[buildout]
parts = consumer
offline = true

[plone]
recipe = zc.recipe.egg
eggs = click

[consumer]
recipe = collective.coserver
secret-file = var/secret
{options}
"""


class Buildout:
    """A directory with a buildout of one part, ``consumer``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.script = directory / "bin" / "consumer"
        self.secret = directory / "var" / "secret"

    def run(self, *options: str, database: bool = True) -> subprocess.CompletedProcess[str]:
        """Run buildout with these lines in the part; the output is all in ``stdout``.

        ``database``: the part names one, unless a line does.
        """
        own = f"database = sqlite:///{self.directory}/queue.sqlite"
        has_own = database and not any(line.startswith("database =") for line in options)
        text = CONFIGURATION.format(options="\n".join([own, *options] if has_own else options))
        (self.directory / "buildout.cfg").write_text(text)
        return subprocess.run(
            [BUILDOUT, "-U"],
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def build(self, *options: str, database: bool = True) -> None:
        """Run buildout, which must succeed."""
        done = self.run(*options, database=database)
        assert done.returncode == 0, done.stdout

    def consumer(self, *arguments: str) -> str:
        """Run ``bin/consumer`` to its end and return what it printed."""
        done = subprocess.run([self.script, *arguments], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    def start(self, **environment: str) -> Process:
        """Start ``bin/consumer`` without arguments; return when it looks for jobs."""
        process = Process(
            "consumer",
            [self.script],
            log=self.directory / "consumer.log",
            ready=log_says("ready"),
            environment=os.environ | environment,
        )
        process.start()
        return process


@pytest.fixture
def buildout(tmp_path: Path) -> Buildout:
    """A buildout that nobody has run yet."""
    return Buildout(tmp_path)


def test_with_arguments_the_script_is_the_command(buildout: Buildout):
    """``bin/consumer init`` and ``status`` work on the part's database."""
    buildout.build()
    assert "queue.sqlite were made" in buildout.consumer("init")
    assert json.loads(buildout.consumer("status", "--json"))["consumers"] == []


def test_without_arguments_the_script_is_a_consumer(buildout: Buildout):
    """It has the part's settings, and ends cleanly at a SIGTERM."""
    buildout.build("queues =", "    mail", "    default", "threads = 7")
    buildout.consumer("init")
    consumer = buildout.start()
    assert "queues mail, default" in consumer.output()
    assert "7 threads" in consumer.output()
    assert consumer.stop() == 0


def test_the_environment_outweighs_the_part(buildout: Buildout):
    """An operator can change a setting for one start; the part's own environment comes last."""
    buildout.build("environment-vars =", "    COSERVER_THREADS 5", "    COSERVER_NAME it")
    buildout.consumer("init")
    consumer = buildout.start(COSERVER_THREADS="2")
    assert "2 threads" in consumer.output()
    assert "Consumer it starts" in consumer.output()
    consumer.stop()


@pytest.mark.parametrize("name", ["with space", "x" * 130, "it's"])
def test_a_script_starts_whatever_its_python_is_called(tmp_path: Path, name: str):
    """The system reads no first line with a space in it, and none that is too long."""
    python = tmp_path / name / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    script = tmp_path / "script"
    script.write_text(f"#!{python}\nimport sys\nprint(sys.argv[1:])\n")
    script.chmod(0o755)
    make_startable(script, str(python))
    done = subprocess.run([script, "a b", "c"], capture_output=True, text=True, check=False)
    assert done.stdout == "['a b', 'c']\n", done.stderr


def test_an_unknown_option_is_refused_by_name(buildout: Buildout):
    """A misspelt option stops buildout, and the message lists those that are known."""
    done = buildout.run("thread = 7")
    assert done.returncode == 1
    assert "Part consumer: there is no option 'thread'. Known are: backoff-base," in done.stdout


def test_a_wrong_value_is_refused(buildout: Buildout):
    """A setting's value is checked when buildout runs, not when the consumer starts."""
    done = buildout.run("threads = many")
    assert done.returncode == 1
    assert "Part consumer: Setting 'threads'" in done.stdout
    assert "'many', wanted a whole number" in done.stdout


def test_a_wrong_environment_line_is_refused(buildout: Buildout):
    """A name without a value stops buildout."""
    done = buildout.run("environment-vars = LONELY")
    assert done.returncode == 1
    assert "each line of environment-vars is a name and a value, this isn't: 'LONELY'" in (
        done.stdout
    )


def test_the_secret_is_made_once(buildout: Buildout):
    """The first run makes a secret for its owner's eyes; later ones leave it as it is."""
    buildout.build()
    first = buildout.secret.read_text()
    assert stat.S_IMODE(buildout.secret.stat().st_mode) == 0o600
    buildout.build("threads = 2")
    assert buildout.secret.read_text() == first
    assert len(first.strip()) >= 32


def test_the_settings_file_is_for_its_owner_only(buildout: Buildout):
    """It names what is worth attacking."""
    buildout.build()
    file = buildout.directory / "parts" / "consumer" / "coserver.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_secret_in_an_option_is_refused(buildout: Buildout):
    """Buildout writes options to .installed.cfg, which every user of the machine can read."""
    done = buildout.run("secret = hunter2-0123456789-abcdefghijklmnop")
    assert done.returncode == 1
    assert "with secret-file." in done.stdout
    assert "hunter2" not in done.stdout
    installed = buildout.directory / ".installed.cfg"
    assert not installed.exists() or "hunter2" not in installed.read_text()


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        ({"database": "postgresql://queue:hunter2@db/queue"}, {}),
        ({"database": "postgresql://db/queue?user=queue&password=hunter2"}, {}),
        ({}, {"COSERVER_SECRET": "hunter2-0123456789-abcdefghijklmnop"}),
        ({}, {"COSERVER_DATABASE": "postgresql://queue:hunter2@db/queue"}),
        ({}, {"PGPASSWORD": "hunter2"}),
    ],
)
def test_every_place_of_a_secret_is_looked_at(options: dict[str, str], environment: dict[str, str]):
    """The part's environment stands in the script, which all can read as well."""
    with pytest.raises(UserError, match="-file") as error:
        part_options.refuse_secrets("consumer", options, environment)
    assert "hunter2" not in str(error.value)


def test_what_is_no_secret_is_not_refused():
    """A database that asks for no password, and names of files."""
    options = {"database": "postgresql://queue@db/queue", "secret-file": "var/secret"}
    part_options.refuse_secrets("consumer", options, {"COSERVER_NAME": "it"})


def test_the_databases_address_may_be_in_a_file(buildout: Buildout):
    """No file that buildout makes for everybody's eyes has what is in it."""
    (buildout.directory / "database").write_text(f"sqlite:///{buildout.directory}/hunter2.sqlite\n")
    buildout.build("database-file = database", database=False)
    assert "hunter2.sqlite were made" in buildout.consumer("init")
    for file in (".installed.cfg", "bin/consumer", "parts/consumer/coserver.toml"):
        assert "hunter2" not in (buildout.directory / file).read_text()


def test_the_eggs_are_those_of_the_instance(buildout: Buildout):
    """The part named by ``instance`` is asked for its eggs; ZEO comes with them."""
    buildout.build("instance = plone")
    installed = (buildout.directory / ".installed.cfg").read_text().partition("[consumer]")[2]
    assert "eggs = click\n\tcollective.coserver[zodb]\n" in installed


def test_every_setting_is_an_option():
    """Each field of ``Settings`` is known by its name with dashes."""
    named = {field.name.replace("_", "-"): "1" for field in fields(Settings)}
    part_options.refuse_unknown("consumer", named)
    assert part_options.read_settings(named, Path("/base")).keys() == {
        field.name for field in fields(Settings)
    }
