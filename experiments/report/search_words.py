"""What the page of a search calls settings, trials, times and values."""

from __future__ import annotations

from promopilot.experiments.report import words
from promopilot.experiments.report.language import later, plural, tr
from promopilot.experiments.report.numbers import bare, typeset
from promopilot.experiments.tuning.trial import Status, Value

# Settings of the agents as their configs call them.
_SETTINGS = {
    "algorithm": later("algorithm"),
    "batch_size": later("samples per learning step"),
    "corrections": later("corrected batches before learning alone"),
    "epochs": later("passes over what was played"),
    "exploration": later("share of choices tried at random"),
    "exploration_sd": later("size of what is tried at random"),
    "gae_lambda": later("how far credit reaches back"),
    "hidden": later("width of the network"),
    "learning_rate": later("learning rate"),
    "lessons": later("lessons"),
    "lookahead": later("days whose results count at once"),
    "memory": later("days remembered"),
    "network": later("kind of network"),
    "num_envs": later("flights played together"),
    "quantiles": later("quantiles of each choice"),
    "tracking": later("speed of the slow network"),
    "training_flights": later("flights to practise on"),
    "warm_up": later("days before the first lesson"),
}
_STATUS: dict[Status, str] = {
    "finished": later("to the end"),
    "stopped": later("stopped early"),
    "failed": later("failed"),
    "running": later("not over"),
}
# Where the next settings came from, by `SearchRecord.method`.
_METHODS = {
    "optuna": later("Each trial's settings were suggested from how the trials before it went."),
    "random": later("The settings were drawn at random."),
    "grid": later("Every combination of the values named was to be tried."),
}
# What became of trials on their way, by `SearchRecord.scheduler`.
_SCHEDULERS = {
    "asha": later("Trials that fell behind the others at the same point were stopped early."),
    "pbt": later("Trials that fell behind went on from better ones, with settings near theirs."),
    "none": later("Every trial ran to its end."),
}


def setting(path: str) -> str:
    """Plain name of a setting, given its path in the config."""
    name = path.rpartition(".")[2]
    return tr(_SETTINGS[name]) if name in _SETTINGS else words.spaced(name)


def status(of: Status) -> str:
    """How a trial ended."""
    return tr(_STATUS[of])


def how(method: str, scheduler: str) -> str:
    """How a search went about it, in two sentences."""
    return tr(" ").join(
        tr(table[name]) for table, name in ((_METHODS, method), (_SCHEDULERS, scheduler))
    )


def value(of: Value) -> str:
    """A setting's value: three digits, as configs write it."""
    if isinstance(of, bool):
        return tr("yes") if of else tr("no")
    if isinstance(of, int):
        return bare(of, 0)
    return typeset(f"{of:.3g}") if isinstance(of, float) else of


def duration(seconds: float) -> str:
    """A time as people say it."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return tr("{} s").format(round(seconds))
    if minutes < 90:
        return tr("{} min").format(minutes)
    return tr("{} h {} min").format(*divmod(minutes, 60))


def trial_name(number: int) -> str:
    """What a trial is called."""
    return tr("trial {}").format(number)


def trials_of(count: int) -> str:
    """1 trial, 2 trials."""
    return plural(count, later("{} trial"), later("{} trials")).format(bare(count, 0))
