import subprocess
import sys
from pathlib import Path

from trainer.builtin.tiny_bert import tiny_bert
from trainer.models import folder_problems

BUILD = "from trainer.builtin.docstrings import Docstrings; from trainer.builtin.tiny_bert import _word_pieces; \
import hashlib; print(hashlib.sha256(repr(sorted(_word_pieces([text for text, _ in Docstrings(0).sentences('train')]).items())).encode()).hexdigest())"


def test_it_is_an_ordinary_model_folder_built_once() -> None:
    from transformers import AutoModel, AutoTokenizer

    folder = tiny_bert(0)
    assert folder_problems(folder) == []
    assert tiny_bert(0) == folder != tiny_bert(1)
    model = AutoModel.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert (model.config.num_hidden_layers, model.config.hidden_size) == (2, 128)
    assert model.config.vocab_size == len(tokenizer) == 4_000
    assert tokenizer.tokenize("The Parameters of an estimator") == ["the", "parameters", "of", "an", "estimator"]
    assert tokenizer.unk_token_id not in tokenizer("Unheardofword zq")["input_ids"]


def test_every_process_learns_the_same_words(cache: Path) -> None:
    learned = {
        subprocess.run([sys.executable, "-c", BUILD], check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    }
    assert len(learned) == 1
