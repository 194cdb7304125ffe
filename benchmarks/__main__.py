"""``python -m benchmarks [NAME ...]``: run the benchmarks, all of them unless some are named."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks import commit

BENCHMARKS = {"commit": commit.run}


def main() -> None:
    """Print a table for each benchmark, and write the figures as JSON if a file is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds: an idea, not a figure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go as JSON")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(
            f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}"
        )
    names = chosen.names or list(BENCHMARKS)
    figures = {name: BENCHMARKS[name](quick=chosen.quick) for name in names}
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
