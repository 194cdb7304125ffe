"""Run the venv's uv as the bootstrap does: ``python -m demo.uv ARGUMENTS``."""

import os
import sys

from demo.bootstrap import directory, find_uv, make_environment

if __name__ == "__main__":
    uv = find_uv(directory())
    os.execve(uv, [uv.name, *sys.argv[1:]], make_environment(directory()))  # noqa: S606
