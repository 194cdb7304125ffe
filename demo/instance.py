"""The files of a ZEO server and of the Zope instances that use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from AuthEncoding.AuthEncoding import pw_encrypt

from demo.ports import HOST, free_port

ZEO_CONF = """\
<zeo>
  address {host}:{port}
</zeo>
<filestorage 1>
  path {directory}/Data.fs
  blob-dir {directory}/blobs
</filestorage>
<eventlog>
  <logfile>
    path STDOUT
    format %(asctime)s %(levelname)s %(name)s %(message)s
  </logfile>
</eventlog>
"""

ZOPE_CONF = """\
instancehome {directory}
<environment>
  CHAMELEON_CACHE {directory}/cache
</environment>
<product-config collective.coserver>
{settings}
</product-config>
%import ZEO
<zodb_db main>
  mount-point /
  cache-size 30000
  <clientstorage>
    server {host}:{zeo_port}
    storage 1
    blob-dir {blobs}
    shared-blob-dir on
    server-sync {server_sync}
  </clientstorage>
</zodb_db>
"""

ZOPE_INI = """\
[app:zope]
use = egg:Zope#main
zope_conf = %(here)s/zope.conf

[server:main]
use = egg:waitress#main
host = {host}
port = {port}
threads = {threads}
clear_untrusted_proxy_headers = true

[filter:translogger]
use = egg:Paste#translogger
setup_console_handler = False

[pipeline:main]
pipeline = translogger egg:Zope#httpexceptions zope

[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = line

[logger_root]
level = INFO
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stdout,)
formatter = line

[formatter_line]
format = %(asctime)s %(levelname)s %(name)s %(message)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user of the root folder with the role Manager."""

    name: str = "admin"
    password: str = "admin"  # noqa: S105  only this machine reaches it


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeoServer:
    """A ZEO server; its Data.fs and blobs are in ``directory``."""

    directory: Path
    port: int = field(default_factory=free_port)

    @property
    def conf(self) -> Path:
        """What ``runzeo -C`` is given."""
        return self.directory / "zeo.conf"

    @property
    def blobs(self) -> Path:
        """The blobs, shared with the instances."""
        return self.directory / "blobs"

    def write(self) -> None:
        """Write the configuration; the data, if there are any, stay as they are."""
        self.directory.mkdir(parents=True, exist_ok=True)
        text = ZEO_CONF.format(host=HOST, port=self.port, directory=self.directory)
        self.conf.write_text(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A Zope instance, a client of ``zeo``, served by waitress on ``port``.

    ``settings`` are those of coserver; they go into zope.conf.
    """

    directory: Path
    zeo: ZeoServer
    settings: Mapping[str, str]
    port: int = field(default_factory=free_port)
    threads: int = 4
    server_sync: bool = False
    login: Login = Login()

    @property
    def conf(self) -> Path:
        """What ``zconsole`` is given."""
        return self.directory / "etc" / "zope.conf"

    @property
    def ini(self) -> Path:
        """What ``runwsgi`` is given."""
        return self.directory / "etc" / "zope.ini"

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    def write(self) -> None:
        """Write the configuration; ``inituser`` makes the login in an empty database."""
        for name in ("etc", "var", "cache"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        self.conf.write_text(self._zope_conf())
        self.ini.write_text(ZOPE_INI.format(host=HOST, port=self.port, threads=self.threads))
        hashed = pw_encrypt(self.login.password).decode()
        (self.directory / "inituser").write_text(f"{self.login.name}:{hashed}\n")

    def _zope_conf(self) -> str:
        return ZOPE_CONF.format(
            directory=self.directory,
            settings="\n".join(
                f"  {key} {value.replace('$', '$$')}" for key, value in self.settings.items()
            ),
            host=HOST,
            zeo_port=self.zeo.port,
            blobs=self.zeo.blobs,
            server_sync="on" if self.server_sync else "off",
        )


def write_settings(file: Path, settings: Mapping[str, str]) -> None:
    """Write coserver's settings as a TOML file."""
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in settings.items()]
    file.touch(mode=0o600)  # it may hold the secret
    file.write_text("".join(lines))
