"""The program ``coserver``.

A signal may come before the modules are imported that obey it, as at a ``systemctl reload`` right
behind a ``systemctl restart``. So the first thing done is to block signals; the command unblocks
them.
"""

from __future__ import annotations

from coserver_consumer.settings import signal_mask


def main() -> None:
    """Run the command."""
    signal_mask.block()
    from coserver_consumer.cli import main as command  # which takes a while

    command()


if __name__ == "__main__":
    main()
