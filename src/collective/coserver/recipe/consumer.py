"""The part itself: a settings file and a script that runs ``coserver`` with it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zc.recipe.egg
from zc.buildout import UserError, easy_install

from collective.coserver.recipe import options as part_options
from collective.coserver.recipe import secret
from collective.coserver.recipe.script import make_startable
from coserver_consumer.model.errors import ConfigurationError
from coserver_consumer.settings.loading import load_settings

ENTRY_POINT = "coserver_consumer.cli", "main"
INITIALIZATION = """\
import os
for key, value in {environment!r}.items():
    os.environ.setdefault(key, value)
sys.argv[1:] = sys.argv[1:] or ["run"]"""


class Consumer:
    """Makes ``parts/<part>/coserver.toml`` and ``bin/<part>``.

    The script alone is ``coserver run``; with arguments it is that command of ``coserver``.
    What the environment says outweighs the part's settings, as everywhere.
    """

    def __init__(self, buildout: Any, name: str, options: Any) -> None:
        self.buildout = buildout
        self.name = name
        self.options = options
        part_options.refuse_unknown(name, options)
        self.environment = part_options.read_environment(name, options)
        part_options.refuse_secrets(name, options, self.environment)
        options["eggs"] = "\n".join(part_options.find_eggs(buildout, options))
        self.settings = part_options.read_settings(options, self.base)
        self.eggs = zc.recipe.egg.Eggs(buildout, name, options)

    @property
    def base(self) -> Path:
        """The buildout's directory."""
        return Path(self.buildout["buildout"]["directory"])

    @property
    def config(self) -> Path:
        """The settings file of this part."""
        parts = Path(self.buildout["buildout"]["parts-directory"])
        return parts / self.name / "coserver.toml"

    def install(self) -> Any:
        """Write the files; return what buildout is to remove with the part."""
        if "secret_file" in self.settings:
            secret.make_sure_of(Path(self.settings["secret_file"]))
        self.options.created(str(self.config.parent))
        self._write_config()
        self.options.created(*self._write_script())
        return self.options.created()

    update = install

    def _write_config(self) -> None:
        """Write the settings for their owner's eyes: they name what is worth attacking."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.touch(mode=0o600)
        self.config.write_text(part_options.as_toml(self.settings))
        try:
            load_settings(self.config)
        except ConfigurationError as error:
            raise UserError(f"Part {self.name}: {error}") from error

    def _write_script(self) -> list[str]:
        _, working_set = self.eggs.working_set()
        made = easy_install.scripts(
            [(self.name, *ENTRY_POINT)],
            working_set,
            sys.executable,
            self.buildout["buildout"]["bin-directory"],
            initialization=INITIALIZATION.format(environment=self._whole_environment()),
        )
        for script in made:
            make_startable(Path(script), sys.executable)
        return list(made)

    def _whole_environment(self) -> Mapping[str, str]:
        return {"COSERVER_CONFIG": str(self.config), **self.environment}
