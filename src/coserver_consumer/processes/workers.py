"""The worker processes of a supervisor, by their serial numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from coserver_consumer.processes.child import Child, Receive
from coserver_consumer.processes.control import Command, Opening
from coserver_consumer.runtime.logs import process_logs


class Workers:
    """All worker processes that haven't ended yet: those that have a slot, and retired ones.

    ``receive`` is called with the reports of each; see ``Child``.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._serials = count(1)
        self._living: dict[int, Child] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._living)

    def __iter__(self) -> Iterator[Child]:
        """Return all of them."""
        return iter(list(self._living.values()))

    def start(self, opening: Opening) -> int:
        """Start a process; return its serial number."""
        child = Child(next(self._serials), opening, self._receive)
        self._living[child.serial] = child
        process_logs.started(child.slot, child.pid)
        return child.serial

    def remove(self, child: Child) -> None:
        """Forget a process that has ended."""
        del self._living[child.serial]

    def send(self, serial: int, command: Command) -> None:
        """Send a command to one process."""
        self._living[serial].send(command)

    def send_all(self, command: Command) -> None:
        """Send a command to every process."""
        for child in self:
            child.send(command)

    def excuse_silence(self) -> None:
        """Count the silence of each from now on."""
        for child in self:
            child.excuse_silence()

    def kill_silent(self) -> None:
        """Kill the processes whose threads don't run any more; their exits are noticed later."""
        for child in self:
            if child.is_silent:
                process_logs.silent(child.slot, child.pid, child.silence)
                child.kill()

    def kill_all(self) -> None:
        """Kill every process, since it is late."""
        for child in self:
            process_logs.late(child.slot, child.pid)
            child.kill()
