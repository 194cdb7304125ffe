"""How Python is set up in a worker process."""

from __future__ import annotations

import gc
import sys

from coserver_consumer.processes.cpu_priority import stand_back
from coserver_consumer.runtime.logs import consumer_logs

SWITCH_INTERVAL_S = 0.0005  # that the threads of jobs make others wait, such as the claimer's
YOUNG_OBJECTS = 10_000  # after which Python looks for garbage, not 700: a claim makes many


def prepare_interpreter(nice: int) -> None:
    """Have threads and garbage treated as a claimer beside jobs needs it, and stand back."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
    try:
        stand_back(nice)
    except OSError as error:
        consumer_logs.cannot_stand_back(error)
