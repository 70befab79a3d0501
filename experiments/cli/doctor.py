"""`doctor`: does this machine have what promopilot needs."""

import json

import typer

from promopilot.experiments.cli import options
from promopilot.experiments.cli.outcome import USER, Outcome, guarded


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command(epilog="Example: promopilot doctor --json")(doctor)


@guarded
def doctor(
    out: options.SummaryOut = None,
    seed: options.UnusedSeed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Show versions, device, bf16, threads, Ray, packaged model and data; exit 2 if any lacks."""
    from dataclasses import asdict

    from promopilot.experiments.atomic import write_text_atomic
    from promopilot.experiments.health import examine

    checks = examine()
    bad = [check for check in checks if not check.ok]
    summary = {"ok": not bad, "checks": [asdict(check) for check in checks]}
    if out is not None:
        write_text_atomic(out, json.dumps(summary, indent=2) + "\n")
    lines = [f"{'ok  ' if c.ok else 'MISS'} {c.name}: {c.found}" for c in checks]
    lines += [f"To mend {check.name}: {check.mend}" for check in bad]
    return Outcome("\n".join(lines), summary, USER if bad else 0)
