"""A predictor in a second: a BERT of one layer and eight dimensions, made of chance."""

from pathlib import Path

from transformers import BertConfig, BertModel, BertTokenizer

from promopilot.experiments.config import make_config
from promopilot.experiments.progress import silent
from promopilot.experiments.scoring import fit_from_folder
from promopilot.experiments.tables import read_tables


def tiny_bert(data: Path, folder: Path) -> Path:
    """A base model that knows the words of the promotions in `data`."""
    texts = read_tables(data).promotions["text"].str.lower().str.findall(r"[a-z]+|[^a-z ]")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted({w for t in texts for w in t})]
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=len(words), intermediate_size=16, **sizes)
    BertModel(config).save_pretrained(folder)
    return folder


def fit_tiny(data: Path, folder: Path) -> Path:
    """A predictor fitted on `data`, in a folder of `folder`."""
    base = tiny_bert(data, folder / "bert")
    few = ["predictor.epochs=2", "predictor.mode=frozen", f"predictor.base_model={base}"]
    fit_from_folder(data, folder / "model", make_config({}, few), 0, silent)
    return folder / "model"
