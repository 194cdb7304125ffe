"""``coserver doctor``: what is wrong, and what to do."""

from __future__ import annotations

from dataclasses import asdict

import click

from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.output import say, write_json
from coserver_consumer.diagnosis.doctor import Finding, Verdict, examine

LABELS = {Verdict.GOOD: "ok", Verdict.WARNING: "warning", Verdict.BAD: "BAD"}


@click.command(short_help="Say what is wrong, and what to do.")
@json_option
@access_options
@click.pass_context
def doctor(context: click.Context, *, as_json: bool) -> None:
    """Check database, schema, clock, consumers, secret, tasks and Zope; say what to do.

    The exit code is 1 if no consumer can work like this; warnings leave it at 0.

    \b
    Example:
      coserver doctor --config /etc/coserver.toml
    """
    findings = []
    access = find_access(context)
    for finding in examine(access.load(), access.file):
        findings.append(finding)
        if not as_json:
            _write(finding)
    if as_json:
        write_json([asdict(finding) for finding in findings])
    if any(finding.verdict is Verdict.BAD for finding in findings):
        context.exit(1)


def _write(finding: Finding) -> None:
    say(f"{LABELS[finding.verdict]:<8} {finding.name:<10} {finding.text}")
    if finding.advice:
        say(f"{'':<20}-> {finding.advice}")
