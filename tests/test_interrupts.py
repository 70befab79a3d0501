"""Ctrl-C in every stage: exit 130, nothing half-written, and --resume ends with the same plan."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from transformers import BertConfig, BertModel, BertTokenizer
from typer.testing import CliRunner

from promopilot.experiments.atomic import PARTIAL_PREFIX
from promopilot.experiments.cli.app import app
from promopilot.experiments.example import example_tables, write_example
from promopilot.experiments.run_folder import RunFolder

STAGES = ("data", "predictor", "market", "train", "simulate", "plan", "ope", "score", "report")
runner = CliRunner()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config of a shop so small that its whole pipeline takes seconds."""
    folder = tmp_path_factory.mktemp("shop")
    write_example(folder / "shop", seed=1)
    texts = example_tables(0)["promotions"]["text"].str.lower().str.findall(r"[a-z]+|[^a-z ]")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted({w for t in texts for w in t})]
    (folder / "bert").mkdir()
    (folder / "bert" / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizer(str(folder / "bert" / "vocab.txt")).save_pretrained(folder / "bert")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=len(words), intermediate_size=16, **sizes)).save_pretrained(
        folder / "bert"
    )
    path = folder / "small.yaml"
    path.write_text(
        "data: {folder: shop/data}\n"
        "flight: {start: 2025-04-22, days: 7}\n"
        "predictor: {base_model: bert, epochs: 1, trainable_layers: 0}\n"
        "agents: {steps: 112, num_envs: 8, training_flights: 8, batch_size: 56, epochs: 1}\n"
        "simulate: {flights_validation: 4, flights_test: 8}\n"
        "ope: {replicates: 100}\n"
    )
    return path


def run(config: Path, out: Path, *options: str) -> tuple[int, str]:
    result = runner.invoke(app, ["run", str(config), "--out", str(out), *options])
    return result.exit_code, result.stderr


def test_every_stage_can_be_interrupted_and_resumed(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, out = tmp_path / "straight", tmp_path / "run"
    assert run(config, straight)[0] == 0
    original = RunFolder.stage
    for place, name in enumerate(STAGES):

        @contextmanager
        def stage(self: RunFolder, now: str, target: str = name) -> Iterator[Path]:
            with original(self, now) as work:
                yield work
                if now == target:  # everything is written, nothing has its final name
                    os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(RunFolder, "stage", stage)
        code, said = run(config, out, "--resume")
        assert code == 130, said
        assert "with --resume goes on from there" in said
        assert tuple(RunFolder.existing(out).finished) == STAGES[:place]
        assert not list(out.glob(f"{PARTIAL_PREFIX}*"))
    monkeypatch.setattr(RunFolder, "stage", original)
    assert run(config, out, "--resume")[0] == 0
    for name in ("plan.csv", "plan_summary.csv"):
        assert (out / name).read_bytes() == (straight / name).read_bytes()
