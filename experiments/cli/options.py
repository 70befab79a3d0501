"""Options that many commands share, so that they mean the same everywhere."""

from pathlib import Path
from typing import Annotated, Literal

import typer

AsJson = Annotated[
    bool, typer.Option("--json", help="Print a machine-readable summary; logs go to stderr.")
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=2**32 - 1, help="Overrides the config's seed (default 0)."),
]
UnusedSeed = Annotated[
    int | None,
    typer.Option("--seed", min=0, help="Taken by every command; nothing here is random."),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=VALUE", help="Overrides a key of the config; repeats."),
]
Config = Annotated[
    Path | None, typer.Option("--config", help="A config whose settings apply (default: none).")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on after the last finished stage.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Delete the run in --out first.")]
Replace = Annotated[
    bool, typer.Option("--overwrite", help="Replace what an earlier run of this wrote to --out.")
]
Require = Annotated[
    Literal["ship", "test_first"] | None,
    typer.Option("--require", help="Exit 3 if the verdict is lower; everything is still written."),
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of an earlier run.")]
Limits = Annotated[
    Path | None,
    typer.Option("--limits", metavar="FILE", help="Limits (YAML) in place of the run's own."),
]
Data = Annotated[Path, typer.Option("--data", help="A folder of tables.")]
SummaryOut = Annotated[
    Path | None, typer.Option("--out", help="Also write the summary to this JSON file.")
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=0,
        max=10_000,
        help="Spread flights over so many processes, at `ray.address` where the config names a "
        "cluster: worth it from about a minute of work on; results are the same (default: "
        "ray.workers of the config, which is 0: none).",
    ),
]

VERDICTS = ("insufficient_support", "test_first", "ship")  # from lowest to highest


def falls_short(verdict: object, required: str | None) -> bool:
    """Whether a verdict is lower than the one required; without a requirement never."""
    if required is None:
        return False
    rank = VERDICTS.index(str(verdict)) if verdict in VERDICTS else -1
    return rank < VERDICTS.index(required)
