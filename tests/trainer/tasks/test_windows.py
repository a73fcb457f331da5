from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase, TokenizersBackend

from tests.trainer.model_families import FAMILIES
from trainer.document import ConfigError
from trainer.tasks.windows import Frame, Text, Windows, tokenized

QUESTION = "When did the Normans arrive in the north of France ?"
CONTEXT = (
    "The Normans were people who came in the 10th century from the north to France , and the king of France was weak . "
)
STRANGE = "\u2003 The  café — Zo\u00eb\n\n日本語 \ufb01ne ½ 'a' x² \u0130stanbul 👩‍👩‍👧 e\u0301 \t"
TEXTS = [QUESTION, CONTEXT, STRANGE] * 2
ONE_QUESTION = Text(np.arange(100, 110), np.zeros((10, 2), np.int32))


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, PreTrainedTokenizerBase]:
    return {name: family.tokenizer(TEXTS) for name, family in FAMILIES.items()}


@pytest.mark.parametrize(("length", "stride"), [(40, 0), (40, 11), (64, 30), (512, 400)])
@pytest.mark.parametrize("name", FAMILIES)
def test_windows_are_those_that_the_tokenizer_itself_cuts(
    name: str, length: int, stride: int, tokenizers: dict[str, PreTrainedTokenizerBase]
) -> None:
    tokenizer = tokenizers[name]
    context_first = tokenizer.padding_side == "left"
    ending = [tokenizer.eos_token_id] if name == "gpt2" else []
    context = CONTEXT * 3
    theirs = tokenizer(
        *((context, QUESTION) if context_first else (QUESTION, context)),
        truncation="only_first" if context_first else "only_second",
        max_length=length - len(ending),
        stride=stride,
        return_overflowing_tokens=True,
    )
    texts = tokenized(tokenizer, [QUESTION, context])
    cut = Windows(tokenizer, max_length_tokens=length, stride_tokens=stride).cut(texts[QUESTION], texts[context])
    ours = list(cut)
    assert len(ours) > 1 or length == 512
    assert [window.ids.tolist() for window in ours] == [ids + ending for ids in theirs["input_ids"]]
    if "token_type_ids" in tokenizer.model_input_names:
        assert [window.types.tolist() for window in ours] == theirs["token_type_ids"]
    for number, window in enumerate(ours):
        place = theirs.sequence_ids(number).index(0 if context_first else 1)
        assert window.context_at == place
        here = texts[context].ids[window.first : window.end]
        assert window.ids[place : place + len(here)].tolist() == here.tolist()


def test_no_answer_is_where_a_family_looks_at_the_whole(tokenizers: dict[str, PreTrainedTokenizerBase]) -> None:
    found = {name: Frame.of(tokenizer) for name, tokenizer in tokenizers.items()}
    tokens = {
        name: tokenizers[name].convert_ids_to_tokens(int(np.hstack((frame.before, frame.after))[0, frame.nowhere]))
        for name, frame in found.items()
    }
    assert tokens == {
        **dict.fromkeys(("bert", "albert", "distilbert", "electra", "deberta-v2", "modernbert"), "[CLS]"),
        **dict.fromkeys(("roberta", "bart"), "<s>"),
        "xlnet": "<cls>",
        "t5": "</s>",
        "gpt2": "<|endoftext|>",
    }
    assert {name for name, frame in found.items() if frame.nowhere == -1} == {"xlnet", "t5", "gpt2"}
    assert {frame.nowhere for frame in found.values()} == {0, -1}


@given(st.integers(0, 300), st.integers(1, 80), st.integers(40, 100), st.integers(0, 20))
def test_windows_cover_a_context_and_share_the_stride(
    num_tokens: int, num_asked: int, length: int, stride: int
) -> None:
    question = Text(np.arange(1000, 1000 + num_asked, dtype=np.int32), np.zeros((num_asked, 2), np.int32))
    context = Text(np.arange(2000, 2000 + num_tokens, dtype=np.int32), np.zeros((num_tokens, 2), np.int32))
    windows = list(Windows(BERT, max_length_tokens=length, stride_tokens=stride).cut(question, context))
    assert (windows[0].first, windows[-1].end) == (0, num_tokens)
    for before, after in pairwise(windows):
        assert before.end - after.first == stride
        assert after.end > before.end
    for window in windows:
        assert len(window.ids) == len(window.types) <= length
        here = window.ids[window.context_at : window.context_at + window.end - window.first]
        assert here.tolist() == context.ids[window.first : window.end].tolist()
        asked = window.ids[(window.ids >= 1000) & (window.ids < 2000)]
        assert asked.tolist() == question.ids[: len(asked)].tolist()
        assert len(asked) == min(num_asked, (length - 3 - stride) // 2)


BERT = FAMILIES["bert"].tokenizer(TEXTS)


@pytest.mark.parametrize("name", FAMILIES)
def test_tokens_lie_where_their_text_is_without_white_space(
    name: str, tokenizers: dict[str, PreTrainedTokenizerBase]
) -> None:
    for written in (STRANGE, CONTEXT, "  ", "a"):
        text = tokenized(tokenizers[name], [written])[written]
        pieces = [written[start:end] for start, end in text.offsets]
        assert pieces == [piece.strip() for piece in pieces]
        assert (np.diff(text.offsets, axis=0) >= 0).all()
        for start, end in text.offsets[text.offsets[:, 0] < text.offsets[:, 1]]:
            found = text.span(start, end)
            assert found is not None
            assert (text.offsets[found[0], 0], text.offsets[found[1], 1]) == (start, end)
        covered = {at for start, end in text.offsets for at in range(start, end)}
        lost = {written[at] for at in set(range(len(written))) - covered if not written[at].isspace()}
        assert lost <= {"\u200d", "\u0301"}  # joiners, which some tokenizers drop


def test_a_span_is_the_tokens_that_have_a_part_of_it() -> None:
    text = Text(np.arange(4), np.array([[0, 3], [4, 4], [4, 9], [10, 12]]))
    assert text.span(0, 3) == (0, 0)
    assert text.span(1, 5) == (0, 2)
    assert text.span(4, 9) == (2, 2)
    assert text.span(8, 12) == (2, 3)
    assert text.span(9, 10) is None


def test_the_same_text_is_tokenized_once(tokenizers: dict[str, PreTrainedTokenizerBase]) -> None:
    found = tokenized(tokenizers["bert"], [f"king {number % 1500}" for number in range(4000)])
    assert list(found) == [f"king {number}" for number in range(1500)]


@pytest.mark.parametrize("stride", [46, 64, 1000])
def test_a_stride_that_leaves_no_room_is_refused(stride: int) -> None:
    with pytest.raises(ConfigError) as error:
        Windows(BERT, max_length_tokens=64, stride_tokens=stride)
    assert str(error.value) == (
        f"stride_tokens: windows of max_length_tokens 64 that share {stride} tokens have no room for a question and more of "
        "its context; with this length, at most 45 can be shared"
    )
    Windows(BERT, max_length_tokens=64, stride_tokens=45)


def test_a_length_without_room_for_anything_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"max_length_tokens 4 .* at most 0 can be shared"):
        Windows(BERT, max_length_tokens=4, stride_tokens=0)


def test_a_tokenizer_must_tell_where_its_tokens_lie() -> None:
    with pytest.raises(ConfigError, match=r"^ByT5Tokenizer cannot tell where in a text its tokens lie$"):
        Windows(ByT5Tokenizer(), max_length_tokens=64, stride_tokens=16)


def test_a_tokenizer_must_have_a_token_for_no_answer() -> None:
    words = Tokenizer(models.WordLevel({"a": 0, "?": 1}, unk_token="?"))
    tokenizer = TokenizersBackend(tokenizer_object=words)  # type: ignore[no-untyped-call]
    with pytest.raises(ConfigError, match="no token that could stand for no answer"):
        Frame.of(tokenizer)
