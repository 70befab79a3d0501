"""What four processes take in memory with a host that they share, and with a model each.

The model has BERT base's shape, 110 million parameters, with random weights, which are read into
memory and not mapped. Memory is the proportional set size: what processes share counts once. With
the host everything counts that it takes: Ray's processes, the one that started them, the replica.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from promopilot.experiments.bench.family import together
from promopilot.experiments.bench.figure import Figure, figure

PROCESSES = 4
_OWN = """
import sys
from pathlib import Path
from promopilot.experiments.bench.scale_host import requests
from promopilot.predictors import open_host
host = open_host(Path(sys.argv[1]), "cpu")
host.predict(next(requests(int(sys.argv[2]), 1)))
print("ready", flush=True)
sys.stdin.read()
"""
_SHARED = """
import sys
from pathlib import Path
from promopilot.experiments.bench.scale_host_memory import share
share(Path(sys.argv[1]), int(sys.argv[2]))
"""


def memory(processes: int = PROCESSES) -> dict[str, Figure]:
    """Measures, in about a minute.

    Returns:
        `host_memory_own_mb` and `host_memory_shared_mb`, sums over all processes, and
        `host_memory_saving`, the share that the host saves.
    """
    with tempfile.TemporaryDirectory() as folder:
        model = base_sized(Path(folder))
        own = _taken([[_OWN, str(model), str(n)] for n in range(processes)])
        shared = _taken([[_SHARED, str(model), str(processes)]])
    return {
        "host_memory_own_mb": figure(own, "MB"),
        "host_memory_shared_mb": figure(shared, "MB"),
        "host_memory_saving": figure(1.0 - shared / own, "", at_least=0.25),
    }


def base_sized(folder: Path) -> Path:
    """Writes a predictor whose encoder is as large as BERT base, and returns its folder."""
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertModel

    from promopilot.experiments.bench.shop import Shop
    from promopilot.predictors import PredictorSettings, fit, rows_from_tables
    from promopilot.predictors.packaged import packaged_minilm

    base, model = folder / "bert", folder / "model"
    base.mkdir()
    for path in packaged_minilm().iterdir():  # its vocabulary is BERT's
        if path.name.startswith(("tokenizer", "vocab", "special")):
            shutil.copyfile(path, base / path.name)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        bert = BertModel(BertConfig())
    bert.config.save_pretrained(base)
    save_file(bert.state_dict(), base / "model.safetensors")
    settings = PredictorSettings(base_model=base, mode="frozen", head_epochs=1, device="cpu")
    shop = Shop(20, 5, 4, 2)
    rows = rows_from_tables(shop.promotions(), None, None, shop.performance(), settings)
    fit(rows, rows, settings, model, 0)
    return model


def share(model: Path, processes: int) -> None:
    """Opens a host, lets processes ask it, says so, and stays until the standard input ends."""
    import ray

    from promopilot.experiments.bench.scale_host import Client
    from promopilot.experiments.cluster.settings import RaySettings
    from promopilot.experiments.hosting import open_shared_host
    from promopilot.predictors import HostSettings

    settings = RaySettings(cpus=1, object_store_mb=80, host=HostSettings(cpus=1))
    with open_shared_host(model, settings, "cpu") as host:
        kind: Any = ray.remote(num_cpus=0)(Client)
        asking = [kind.remote(host, seed, 1, False) for seed in range(processes)]
        ray.get([one.begin.remote(0.0) for one in asking])
        print("ready", flush=True)
        sys.stdin.read()


def _taken(programs: list[list[str]]) -> float:
    """Starts programs, and returns the MB that they and theirs take when all are ready."""
    begun = [
        subprocess.Popen(
            [sys.executable, "-c", *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for program in programs
    ]
    try:
        for one in begun:
            if one.stdout is None or one.stdout.readline() != b"ready\n":
                raise RuntimeError("a process whose memory was to be measured failed")
        return sum(together(psutil.Process(one.pid)) for one in begun) / 2**20
    finally:
        for one in begun:
            one.communicate()
