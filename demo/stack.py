"""ZEO, Zope instances and consumers that belong together, under one directory.

::

    with Stack(directory, settings={"database": url, "secret_file": path}) as stack:
        stack.init_database()
        stack.start_zeo()
        stack.create_site("Plone", ["collective.coserver:default"])
        stack.start_zope()
        consumer = stack.start_consumer()
        ...
        consumer.kill()
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from demo import leftovers, ready
from demo.instance import Instance, Login, ZeoServer, write_settings
from demo.ports import free_port
from demo.processes import Process, ProcessFailed

SCRIPTS = Path(sys.executable).parent
PREFIX = "COSERVER_"
SITE_SCRIPT = Path(__file__).with_name("site.py")


class Stack:
    """The processes of one installation; each writes to ``log/<name>.log``.

    ``settings`` are coserver's; ``zope_url`` is that of the first instance unless given.
    ``ports`` are those of the instances, one for each; free ones if not given.
    ``environment`` is added to that of every process; of ours, the settings of another queue
    (COSERVER_...) are left out.
    """

    def __init__(
        self,
        directory: Path,
        *,
        settings: Mapping[str, str],
        instances: int = 1,
        ports: Sequence[int] = (),
        threads: int = 4,
        server_sync: bool = False,
        login: Login | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self.login = login or Login()
        self.zeo = ZeoServer(directory=self.directory / "zeo")
        numbers = list(ports) or [free_port() for _ in range(instances)]
        first = f"http://127.0.0.1:{numbers[0]}"
        self.settings = {"zope_url": first} | dict(settings)
        self.config = self.directory / "coserver.toml"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(PREFIX)},
            "COSERVER_CONFIG": str(self.config),
            **(environment or {}),
        }
        self.instances = [
            Instance(
                directory=self.directory / f"instance{number}",
                zeo=self.zeo,
                settings=self.settings,
                port=port,
                threads=threads,
                server_sync=server_sync,
                login=self.login,
            )
            for number, port in enumerate(numbers, 1)
        ]
        self.processes: dict[str, Process] = {}
        self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _write(self) -> None:
        self.zeo.write()
        for instance in self.instances:
            instance.write()
        write_settings(self.config, self.settings)

    @property
    def url(self) -> str:
        """Where the first instance answers."""
        return self.instances[0].url

    def start_zeo(self) -> Process:
        """Start the ZEO server; return when it takes connections."""
        return self.start(
            Process(
                "zeo",
                [SCRIPTS / "runzeo", "-C", self.zeo.conf],
                log=self.log("zeo"),
                ready=ready.port_answers(self.zeo.port),
            )
        )

    def start_zope(self, number: int = 1, *, path: str = "/") -> Process:
        """Start an instance, the first is 1; return when ``path`` is served."""
        process = self.launch_zope(number, path=path)
        process.wait_ready()
        return process

    def launch_zope(self, number: int = 1, *, path: str = "/") -> Process:
        """Start an instance without waiting; ``wait_ready`` of the process waits."""
        instance = self.instances[number - 1]
        name = f"zope{number}"
        return self.launch(
            Process(
                name,
                [SCRIPTS / "runwsgi", instance.ini],
                log=self.log(name),
                ready=ready.page_answers(instance.url + path),
                ending=signal.SIGINT,  # the only one that waitress takes for a clean stop
                environment=self.environment,
            )
        )

    def start_consumer(self, name: str = "consumer", *flags: str) -> Process:
        """Start ``coserver run`` with these flags; return when it looks for jobs."""
        return self.start(
            Process(
                name,
                [SCRIPTS / "coserver", "run", "--name", name, *flags],
                log=self.log(name),
                ready=ready.log_says("ready"),
                environment=self.environment,
            )
        )

    def start(self, process: Process) -> Process:
        """Start any process as part of the stack; return when it is ready."""
        self.launch(process)
        process.wait_ready()
        return process

    def launch(self, process: Process) -> Process:
        """Start any process as part of the stack, without waiting."""
        self.processes[process.name] = process
        process.launch()
        leftovers.remember(self.directory, process)
        return process

    def stop(self) -> None:
        """Stop everything, the last started first."""
        for process in reversed(self.processes.values()):
            process.stop()

    def log(self, name: str) -> Path:
        """Return the log file of the process of that name."""
        return self.directory / "log" / f"{name}.log"

    def create_site(self, site_id: str, profiles: Sequence[str]) -> None:
        """Create a Plone site with these profiles, such as ``collective.coserver:default``.

        ZEO must run. What is there already stays as it is.
        """
        conf = self.instances[0].conf
        self.call("zconsole", "run", conf, SITE_SCRIPT, site_id, *profiles)

    def init_database(self) -> None:
        """Make the queue's tables, or bring them up to date."""
        self.coserver("init")

    def coserver(self, *arguments: str | Path) -> str:
        """Run ``coserver`` with this stack's settings; return what it printed."""
        return self.call("coserver", *arguments)

    def call(self, script: str, *arguments: str | Path, within: float = 300) -> str:
        """Run a script of the venv to its end; return its standard output.

        Raises ``ProcessFailed`` with what it wrote if it fails.
        """
        done = subprocess.run(
            [SCRIPTS / script, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
            env=self.environment,
            check=False,
        )
        if done.returncode:
            said = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
            command = " ".join([script, *map(str, arguments)])
            raise ProcessFailed(f"{command}: ended with {done.returncode}:\n{said}")
        return done.stdout
