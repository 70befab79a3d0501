"""What a search tries, how it chooses what to try next, and when it gives a trial up."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class TuneSettings(BaseModel):
    """A search for settings of an agent; `promopilot tune` alone reads this part."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # Folder of a finished run whose data, predictor and rates are used, a relative path starting at
    # this file; null: they are made first, in the search's folder.
    run: Path | None = None
    agent: Literal["ppo", "dqn"] = "ppo"  # whose settings are searched
    # What is tried, by the keys of this config: agents: {ppo: {learning_rate: {loguniform: [1e-5,
    # 1e-3]}}}. Domains: uniform, loguniform, int, logint (both ends included) and choice.
    space: dict[str, Any] = {}
    # optuna: Optuna's TPE (Bergstra et al. 2011), which learns from the trials before; random:
    # draws; grid: every combination, all domains being choices.
    search: Literal["optuna", "random", "grid"] = "optuna"
    # asha: stops at `grace_steps`, and at each `reduction` times as many, what is not among the
    # best 1/reduction there (Li et al. 2020). pbt: at each `grace_steps` the worst quarter goes on
    # from the best quarter's networks, with settings near theirs (Jaderberg et al. 2017); needs
    # random or grid. none: every trial runs to its end.
    scheduler: Literal["asha", "pbt", "none"] = "asha"
    # Flight-days of practice; null: a ninth of the full length for asha, a quarter for pbt, but no
    # less than lies between two measures.
    grace_steps: int | None = Field(default=None, ge=1)
    reduction: float = Field(default=3.0, gt=1)
    concurrent: int | None = Field(default=None, ge=1)  # trials at a time; null: as many as fit
    cpus_per_trial: float = Field(default=1.0, gt=0)
    gpus_per_trial: float = Field(default=0.0, ge=0)  # networks this small are faster without
    # Where MLflow's runs go, as sqlite:///mlflow.db or http://…; null: nowhere. Needs the extra
    # mlflow.
    mlflow: str | None = None
