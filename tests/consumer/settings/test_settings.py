"""The settings: where they come from, and what is said about wrong ones."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from traceback import format_exception

import pytest

from coserver_consumer import Client, store
from coserver_consumer.errors import ConfigurationError
from coserver_consumer.settings.loading import load_settings, load_zope_settings
from coserver_consumer.settings.separate_process import load_settings_apart
from coserver_consumer.settings.settings import Settings, is_number
from coserver_consumer.store.database.address import NOT_IN_ADDRESS

URL = "sqlite:///queue.sqlite"
SECRET = "0123456789abcdef0123456789abcdef"
REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def write(text: str) -> Path:
    """Write ./coserver.toml."""
    file = Path("coserver.toml")
    file.write_text(text)
    return file


def fault(path: Path | None = None, **flags) -> str:
    """Return what is said about these settings."""
    with pytest.raises(ConfigurationError) as error:
        load_settings(path, **flags)
    return str(error.value)


def test_flags_outweigh_the_environment_which_outweighs_the_file(monkeypatch):
    """The nearer to the person who starts it, the more a setting weighs."""
    write(f'database = "{URL}"\nthreads = 1\ngrace = 1\npoll_max = 1\n')
    monkeypatch.setenv("COSERVER_GRACE", "2")
    monkeypatch.setenv("COSERVER_POLL_MAX", "2")
    settings = load_settings(poll_max="3")
    assert (settings.threads, settings.grace, settings.poll_max) == (1, 2, 3)


def test_flags_that_are_none_were_not_given(monkeypatch):
    """A command line that has an option for every setting hands over None for most."""
    monkeypatch.setenv("COSERVER_THREADS", "7")
    assert load_settings(database=URL, threads=None).threads == 7


def test_the_file_can_be_named_by_the_environment(monkeypatch, tmp_path):
    """A service unit names its file in the environment."""
    file = tmp_path / "elsewhere.toml"
    file.write_text(f'database = "{URL}"')
    monkeypatch.setenv("COSERVER_CONFIG", str(file))
    assert load_settings().database == URL


@pytest.mark.parametrize(
    "text", ['["a", "b c"]', '"a, b c"', '"""\n  a\n  b c\n"""', '\'["a", "b c"]\'']
)
def test_names_may_be_a_list_or_text_with_commas(text):
    """TOML has lists; the environment and zope.conf have only text. A name may have spaces."""
    write(f'database = "{URL}"\nqueues = {text}\n')
    assert load_settings().queues == ("a", "b c")


@pytest.mark.parametrize("text", ["http://a,http://b", "http://a http://b", "http://a\nhttp://b"])
def test_addresses_may_also_have_spaces_between_them(monkeypatch, text):
    """They have none inside."""
    monkeypatch.setenv("COSERVER_ZOPE_URL", text)
    assert load_settings(database=URL).zope_url == ("http://a", "http://b")


def test_keys_may_be_spelled_with_dashes():
    """Keys of zope.conf and of command lines have dashes."""
    assert load_settings(database=URL, **{"http-timeout": "5"}).http_timeout == 5


def test_an_unknown_key_is_refused_by_name():
    """A typing error in a file must not be passed over in silence."""
    file = write(f'database = "{URL}"\nthread = 3\n')
    assert "Unknown setting 'thread' in coserver.toml" in fault()
    assert "threads" in fault(file)


def test_other_variables_of_the_environment_are_not_settings(monkeypatch):
    """Tests and tools have COSERVER_... variables of their own."""
    monkeypatch.setenv("COSERVER_TEST_SOMETHING", "1")
    assert load_settings(database=URL)


@pytest.mark.parametrize(
    ("key", "value", "got", "wanted"),
    [
        ("threads", "many", "'many'", "a whole number"),
        ("threads", "0", "'0'", "greater than or equal to 1"),
        ("grace", "soon", "'soon'", "a number"),
        ("grace", "inf", "'inf'", "a number that isn't infinite"),
        ("queues", "", "''", "at least one name"),
        ("zope_url", "localhost:8080", "'localhost:8080'", "such as http://127.0.0.1:8080"),
        ("zope_url", "http://a:b@zope", "isn't shown", "such as http://127.0.0.1:8080"),
        ("revoked_keys", "sync", "'sync'", "ids of keys, as `coserver keys list` shows them"),
        ("http_allow", "a, ftp://b", "'a, ftp://b'", "'ftp://b' is neither http nor https"),
        ("http_allow", "http://a:hush@b", "isn't shown", "one of them has no host, or a login"),
        ("log_level", "loud", "'loud'", "'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_wanted(key, value, got, wanted):
    """Who reads the message knows what to change, and where."""
    said = fault(database=URL, **{key: value})
    assert said.startswith(f"Setting '{key}' in the flags is wrong: got ")
    assert got in said
    assert wanted in said


def test_a_wrong_value_in_the_environment_is_said_to_be_there(monkeypatch):
    """A variable somebody forgot is found only if it is named."""
    monkeypatch.setenv("COSERVER_THREADS", "many")
    assert "'threads' in the environment" in fault(database=URL)


def test_a_missing_database_says_how_to_give_it():
    """It is the only setting without a default."""
    said = fault()
    assert "--database" in said
    assert "COSERVER_DATABASE" in said


def test_a_consumer_must_beat_twice_before_it_is_dead():
    """A limit too near to the heartbeat costs living consumers their jobs."""
    assert "dead_after" in fault(database=URL, heartbeat_every=10, dead_after=15)


def test_the_pauses_between_polls_must_be_in_order():
    """The pause grows from the one to the other."""
    assert "poll_min" in fault(database=URL, poll_min=2, poll_max=1)


def test_no_secret_is_ever_shown():
    """Messages and reprs end up in logs."""
    assert "hunter2" not in fault(database="oracle://queue:hunter2@db/queue")
    assert "hunter2" not in fault(database=URL, secret="hunter2")
    assert "hunter2" not in fault(database=URL, zope_url="http://u:hunter2@zope")
    settings = load_settings(database="mysql://queue:hunter2@db/queue", secret=SECRET)
    assert "hunter2" not in repr(settings)
    assert SECRET not in repr(settings)


def test_the_secret_may_be_in_a_file(tmp_path):
    """A file can have rights, the environment can't."""
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    assert load_settings(database=URL, secret_file=file).secret_text == SECRET


def test_a_secret_that_is_asked_for_and_not_there_is_explained(tmp_path):
    """Consumers that run no jobs in Zope need none, so it is missed only when it is used."""
    with pytest.raises(ConfigurationError, match="'secret' is missing"):
        _ = load_settings(database=URL).secret_text
    with pytest.raises(ConfigurationError, match="No such file"):
        _ = load_settings(database=URL, secret_file=tmp_path / "none").secret_text


@pytest.mark.parametrize("where", ["secret", "secret_file"])
def test_a_short_secret_is_refused(where, tmp_path):
    """A short one could be guessed from a signature."""
    file = tmp_path / "secret"
    file.write_text("short")
    with pytest.raises(ConfigurationError, match="at least 32"):
        _ = load_settings(
            database=URL, **{where: "short" if where == "secret" else file}
        ).secret_text


@pytest.mark.parametrize("text", ["threads = ", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_named(text, tmp_path):
    """The message says which file and where in it."""
    file = tmp_path / "broken.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    assert "broken.toml isn't TOML" in fault(file)


def test_a_file_that_is_not_there_is_named(tmp_path):
    """A wrong --config must not be passed over."""
    assert "none.toml: No such file" in fault(tmp_path / "none.toml")


def test_the_databases_address_may_be_in_a_file(tmp_path, monkeypatch):
    """So that its password is in no file that others read; the weight is that of who names it."""
    file = tmp_path / "database"
    file.write_text("postgresql://queue:hunter2@db/queue\n")
    write(f'database = "{URL}"')
    monkeypatch.setenv("COSERVER_DATABASE_FILE", str(file))
    assert load_settings().database == "postgresql://queue:hunter2@db/queue"
    assert load_settings(database=URL).database == URL


def test_a_file_with_an_address_that_is_none_is_named(tmp_path):
    """Its text isn't shown."""
    file = tmp_path / "database"
    with pytest.raises(ConfigurationError, match=f"can't read {file}: No such file"):
        load_settings(database_file=file)
    file.write_text("hunter2")
    with pytest.raises(ConfigurationError, match="'database' in the flags is wrong") as error:
        load_settings(database_file=file)
    assert "hunter2" not in str(error.value)


def test_settings_read_by_another_process_are_the_same(tmp_path, monkeypatch):
    """``coserver run`` reads them apart, to be rid of the memory that takes."""
    monkeypatch.setenv("COSERVER_QUEUES", "a,b")
    flags = {"database": URL, "secret": SECRET, "secret_file": str(tmp_path / "s"), "grace": "2"}
    assert load_settings_apart(**flags) == load_settings(**flags)


def test_a_fault_found_by_another_process_is_the_same_error():
    """It crosses the border between the processes."""
    with pytest.raises(ConfigurationError, match="'threads' in the flags is wrong"):
        load_settings_apart(database=URL, threads="many")


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_the_reference_describes_every_setting(setting):
    """The page would be forgotten otherwise."""
    assert f"`{setting.name}`" in REFERENCE.read_text()


@pytest.mark.parametrize(
    "address",
    [
        "www.example.com",
        "ftp://example.com",
        "https://",
        "https://a:b@example.com",
        "https://x/?y=1",
    ],
)
def test_a_public_address_is_one_that_browsers_take(address):
    """Scheme, host, and a path if the site has one there."""
    assert "wanted an address such as https://www.example.com" in fault(
        database=URL, public_url=address
    )
    assert load_settings(database=URL, public_url="https://x.de/y/").public_url == "https://x.de/y"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:/jane:hush@host/db",
        "postgresql:/jane:hush/db",
        "postgresql//jane:hush@host/db",
        "jane:hush",
    ],
)
def test_an_address_that_is_none_is_not_repeated(url):
    """Any part of it may be the password."""
    with pytest.raises(ConfigurationError) as refused:
        load_settings(database=url)
    assert "database" in str(refused.value)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["postgresql:/jane:hush@host/db", "postgresql://jane:hush@host:port/db", "hush"]
)
def test_nor_does_a_client_repeat_it(url):
    """The traceback says nothing of it either."""
    with pytest.raises(ConfigurationError) as refused:
        Client(url)
    assert "hush" not in "".join(format_exception(refused.value))


@pytest.mark.parametrize(
    "url",
    ["postgresql://jane:hush@host/db", "postgresql://jane@host/db?password=hush&sslpassword=hush"],
)
def test_an_address_is_shown_without_its_passwords(url):
    """Wherever they stand in it."""
    shown = store.show_address(store.open_engine(url))
    assert "hush" not in shown
    assert "jane" in shown


@pytest.mark.parametrize("option", sorted(NOT_IN_ADDRESS))
@pytest.mark.parametrize("kind", ["postgresql", "mysql", "postgresql+psycopg2", "sqlite"])
def test_an_option_that_takes_no_text_is_refused_in_an_address(kind, option):
    """The driver would take the text, and fail or end transactions early in its first use."""
    with pytest.raises(ConfigurationError, match=f"wrong option: {option} can't be given there"):
        store.open_engine(f"{kind}://jane@host/db?sslmode=prefer&{option}=1")


DATABASES = ("sqlite:///strong.sqlite", "sqlite:///weak.sqlite")
SECRETS = ("s" * 40, "w" * 40)


def give(place: str, key: str, value: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give a setting there; return the flags, if that is where it is."""
    match place:
        case "a flag":
            return {key: value}
        case "the environment":
            monkeypatch.setenv(f"COSERVER_{key.upper()}", value)
        case "the file":
            with Path("coserver.toml").open("a") as file:
                file.write(f"{key} = {value!r}\n")
    return {}


@pytest.mark.parametrize(
    ("strong", "weak"),
    [
        ("a flag", "the environment"),
        ("a flag", "the file"),
        ("the environment", "the file"),
    ],
)
@pytest.mark.parametrize("in_file", ["strong", "weak", "both", "neither"])
@pytest.mark.parametrize("key", ["database", "secret"])
@pytest.mark.parametrize("load", [load_settings, lambda **flags: load_zope_settings(flags)])
def test_a_place_outweighs_another_whichever_of_a_pair_it_names(
    load, key, in_file, strong, weak, tmp_path, monkeypatch
):
    """A file counts at the place that names it, for Zope and for consumers."""
    values = DATABASES if key == "database" else SECRETS
    said = {}
    for name, place, value in zip(("strong", "weak"), (strong, weak), values, strict=True):
        file = tmp_path / name
        file.write_text(f"{value}\n")
        is_file = in_file in (name, "both")
        given = (f"{key}_file", str(file)) if is_file else (key, value)
        said |= give(place, *given, monkeypatch)
    if key == "secret":
        monkeypatch.setenv("COSERVER_DATABASE", URL)
    settings = load(**said)
    assert (settings.database if key == "database" else settings.secret_text) == values[0]


@pytest.mark.parametrize("key", ["database", "secret"])
def test_of_a_pair_in_one_place_the_file_is_not_read(key, tmp_path):
    """What is said itself goes first; the file may be one that isn't there any more."""
    values = {"database": DATABASES[0], "secret": SECRETS[0], f"{key}_file": tmp_path / "gone"}
    settings = load_settings(**values)
    assert (settings.database, settings.secret_text) == (DATABASES[0], SECRETS[0])


def test_a_file_that_is_outweighed_is_not_read(monkeypatch):
    """Its place may be one where nobody who reads these settings can look."""
    write('database_file = "/nowhere/database"\nsecret_file = "/nowhere/secret"\n')
    monkeypatch.setenv("COSERVER_SECRET", SECRET)
    settings = load_settings(database=URL)
    assert (settings.database, settings.secret_text) == (URL, SECRET)
    assert (settings.database_file, settings.secret_file) == (None, None)


def test_zope_conf_outweighs_the_environment(monkeypatch, tmp_path):
    """Of the secret as of all: Zope and its consumers could have two without a word."""
    monkeypatch.setenv("COSERVER_SECRET", SECRETS[1])
    monkeypatch.setenv("COSERVER_DATABASE", URL)
    file = tmp_path / "secret"
    file.write_text(SECRETS[0])
    assert load_zope_settings({"secret-file": str(file)}).secret_text == SECRETS[0]


NUMBERS = [setting for setting in fields(Settings) if is_number(setting)]


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
@pytest.mark.parametrize("said", ["true", "false"])
def test_a_truth_is_no_number(setting, said):
    """``keep_days = true`` was meant to say "keep them", and would remove all but a day's."""
    write(f'database = "{URL}"\n{setting.name} = {said}\n')
    assert f"'{setting.name}' in coserver.toml is wrong: got {said.title()}" in fault()


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
def test_no_number_is_larger_than_what_works(setting):
    """No loop and no column takes any number; the message names the key and the bound."""
    most = setting.metadata["le"]
    said = fault(database=URL, **{setting.name: str(most + 1)})
    assert f"'{setting.name}' in the flags is wrong" in said
    assert f"wanted less than or equal to {most:.16g}" in said


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
def test_the_reference_has_the_bounds_of_every_number(setting):
    """As they are declared."""
    bounds = setting.metadata
    least = f"{bounds['ge']:.12g}" if "ge" in bounds else "more than 0"
    assert f"| `{setting.name}` | {least} | {bounds['le']:.16g} |\n" in REFERENCE.read_text()


@pytest.mark.parametrize("key", ["queues", "zodb_queues"])
@pytest.mark.parametrize("name", ["", "a,b", "x" * 191, " a", "a\u0000b", "\udcff"])
def test_a_queue_in_the_settings_can_be_one(key, name):
    """By the store's own rule, and before anything starts."""
    said = fault(database=URL, **{key: [name]})
    assert f"'{key}' in the flags is wrong" in said
    assert "1 to 190 printable characters, without commas" in said


@pytest.mark.parametrize("name", ["", "a,b", " a"])
def test_a_capability_can_be_required(name):
    """What jobs require stands in one column, with commas between."""
    assert "'capabilities' in the flags is wrong" in fault(database=URL, capabilities=[name])


@pytest.mark.parametrize("name", ["a\0b", "\udcff", "x" * 181])
def test_a_consumers_name_can_be_written(name):
    """Also with the number of a process behind it."""
    assert "'name' in the flags is wrong" in fault(database=URL, name=name)


@pytest.mark.parametrize(
    ("first", "second"),
    [("http_timeout", "http-timeout"), ("http-timeout", "http_timeout"), ("threads", "Threads")],
)
def test_a_key_that_is_there_twice_is_refused(first, second):
    """Nobody could say which counts."""
    write(f'database = "{URL}"\n{first} = 5\n{second} = 6\n')
    said = fault()
    assert f"'{second}' in coserver.toml is there twice, also as '{first}'" in said


def test_capital_letters_change_no_weight():
    """A flag outweighs a file whose key has some."""
    write(f'database = "{URL}"\nThreads = 5\nlog_level = "INFO"\n')
    assert load_settings().threads == 5
    assert load_settings().log_level == "info"
    assert load_settings(threads=7).threads == 7


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("secret_file", "5", "the name of a file"),
        ("queues", "5", "a list of texts"),
        ("queues", "[5]", "text"),
        ("name", "5", "text"),
        ("zope_url", '"http://[::1"', "scheme, host and port, such as http://127.0.0.1:8080"),
        ("zope_url", '"http://zope:http"', "scheme, host and port, such as"),
        ("zope_url", '"http://:8080"', "scheme, host and port, such as"),
        ("public_url", '"http://[::1"', "an address such as https://www.example.com"),
        ("eager", '"perhaps"', "true or false"),
    ],
)
def test_a_value_of_another_kind_is_told_in_our_words(key, value, wanted):
    """Not in those of a library, and without its classes."""
    write(f'database = "{URL}"\n{key} = {value}\n')
    said = fault()
    assert f"'{key}' in coserver.toml is wrong: got " in said
    assert f"wanted {wanted}" in said


@pytest.mark.parametrize("value", ["5", '"a\\u0000b"'])
def test_a_file_with_an_address_that_has_no_name_is_told(value):
    """A number, and a name that no file can have."""
    write(f"database_file = {value}\n")
    assert "'database_file' in coserver.toml is wrong" in fault()


@pytest.mark.parametrize("content", [b"\xff\xfe" * 40, None])
def test_a_secret_that_cannot_be_read_is_explained(content, tmp_path):
    """Bytes, or a name that no file can have."""
    file = tmp_path / ("secret" if content else "sec\0ret")
    if content:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="'secret_file' is wrong: can't read"):
        _ = load_settings(database=URL, secret_file=file).secret_text
