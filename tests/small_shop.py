"""A shop and a BERT so small that the whole pipeline takes seconds."""

from pathlib import Path

import torch
from transformers import BertConfig, BertModel, BertTokenizer

from promopilot.experiments.example import example_tables, write_example

START = "2025-04-22"
# Of a config: all that takes time, as small as it goes.
SMALL = """\
predictor: {base_model: bert, epochs: 1, mode: frozen}
agents:
  tuning_flights: 4
  ppo: {lessons: 1, corrections: 1, steps: 112, num_envs: 8, training_flights: 8,
    batch_size: 56, epochs: 1}
simulate: {flights_validation: 4, flights_test: 8, flights_stress: 2, flights_lookahead: 2}
ope: {replicates: 100}
"""


def write_small_bert(folder: Path) -> None:
    """Write `bert`, which knows the words of the example shop, into `folder`."""
    texts = example_tables(0)["promotions"]["text"].str.lower().str.findall(r"[a-z]+|[^a-z ]")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted({w for t in texts for w in t})]
    (folder / "bert").mkdir()
    (folder / "bert" / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizer(str(folder / "bert" / "vocab.txt")).save_pretrained(folder / "bert")
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=len(words), intermediate_size=16, **sizes)).save_pretrained(
        folder / "bert"
    )


def write_small_shop(folder: Path) -> Path:
    """Write `shop/data`, `bert` and `small.yaml` into `folder`; return the config's path."""
    write_example(folder / "shop", seed=1)
    write_small_bert(folder)
    path = folder / "small.yaml"
    path.write_text(f"data: {{folder: shop/data}}\nflight: {{start: {START}, days: 7}}\n{SMALL}")
    return path
