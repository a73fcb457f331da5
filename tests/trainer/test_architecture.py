from collections.abc import Callable
from typing import Any, get_args

import pytest
from transformers import PreTrainedConfig

from tests.trainer.model_families import FAMILIES, POSITIONS
from trainer.architecture import MODELS, OVERRIDES, Mode, head_problems, max_tokens, overrides, problems
from trainer.architecture import takes_token_types as takes
from trainer.config import TrainConfig
from trainer.document import ConfigError

MakeConfig = Callable[..., TrainConfig]
UNLIMITED = {"xlnet", "t5", "deberta-v2"}
NO_ATTENTION_DROPOUT = {"xlnet", "t5"}
"""They have one dropout for everything."""
LAYERDROP = {"bart"}


def settings_of(name: str, **other: Any) -> PreTrainedConfig:
    family = FAMILIES[name]
    return family.config(**family.settings | other)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_can_do_what_it_has_a_head_and_a_use_for(name: str) -> None:
    can = {mode for mode in get_args(Mode) if not head_problems(settings_of(name), mode)}
    assert can == set(FAMILIES[name].modes)
    assert set(MODELS) == set(get_args(Mode))


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        ("bert", "causal_lm", "reads the words on both sides"),
        ("xlnet", "causal_lm", "use a decoder such as GPT-2"),
        ("xlnet", "masked_lm", "does not fill gaps"),
        ("bart", "causal_lm", "use task 'summarization' or 'translation'"),
        ("t5", "masked_lm", "use task 'summarization' or 'translation'"),
        ("gpt2", "masked_lm", "use an encoder such as BERT; it can do: base, .*, causal_lm$"),
        ("albert", "seq2seq_lm", "use BART or T5"),
        ("bart", "token_classification", "^a model of type 'bart' has no head for token_classification; it can do: base,"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do(name: str, mode: Mode, message: str) -> None:
    [problem] = head_problems(settings_of(name), mode)
    assert problem.key == "model"
    with pytest.raises(ConfigError, match=message):
        raise ConfigError.single(problem.message)


def test_an_encoder_that_is_set_up_as_a_decoder_writes() -> None:
    decoder = settings_of("bert", is_decoder=True)
    assert head_problems(decoder, "causal_lm") == []
    assert "use task 'clm'" in head_problems(decoder, "masked_lm")[0].message


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_has_an_override_or_says_that_it_has_not(name: str, make_config: MakeConfig) -> None:
    settings = settings_of(name)
    has = ["dropout"]
    has += [] if name in NO_ATTENTION_DROPOUT else ["attention_dropout"]
    has += ["layerdrop"] if name in LAYERDROP else []
    for setting, names in OVERRIDES.items():
        config = make_config(**{setting: 0.25})
        if setting not in has:
            [problem] = problems(settings, config)
            assert problem.key == setting
            assert problem.message.startswith(f"a model of type '{name}' has none")
            assert problem.message.endswith(f"it has: {', '.join(has)}")
            with pytest.raises(ConfigError, match="has none"):
                overrides(settings, config)
        else:
            assert problems(settings, config) == []
            given = overrides(settings, config)
            assert set(given.values()) == {0.25}
            assert set(names) & set(given)
            assert all(hasattr(settings, key) for key in given)


@pytest.mark.parametrize("name", FAMILIES)
def test_no_dropout_of_a_family_is_forgotten(name: str, make_config: MakeConfig) -> None:
    settings = settings_of(name)
    asked = {setting: 0.25 for setting in OVERRIDES if not problems(settings, make_config(**{setting: 0.25}))}
    known = {key for key in settings.to_dict() if "drop" in key} - {"summary_first_dropout"}  # of a head unused here
    assert set(overrides(settings, make_config(**asked))) == known


def test_what_is_not_asked_is_not_replaced(make_config: MakeConfig) -> None:
    assert overrides(settings_of("bart"), make_config()) == {}
    given = overrides(settings_of("gpt2"), make_config(dropout=0.0, attention_dropout=0.2))
    assert given == {"embd_pdrop": 0.0, "resid_pdrop": 0.0, "attn_pdrop": 0.2}


def test_two_things_that_a_family_has_not_are_two_problems(make_config: MakeConfig) -> None:
    asked = make_config(attention_dropout=0.1, layerdrop=0.1, max_length_tokens=512)
    assert [problem.key for problem in problems(settings_of("t5"), asked)] == ["attention_dropout", "layerdrop"]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_longest_row_that_a_family_takes(name: str, make_config: MakeConfig) -> None:
    settings = settings_of(name)
    assert max_tokens(settings) == (None if name in UNLIMITED else POSITIONS)
    found = problems(settings, make_config(max_length_tokens=POSITIONS + 1))
    assert [problem.key for problem in found] == ([] if name in UNLIMITED else ["max_length_tokens"])


def test_a_deberta_with_positions_in_its_input_has_a_limit() -> None:
    assert max_tokens(settings_of("deberta-v2", position_biased_input=True)) == POSITIONS


def test_a_target_is_as_limited_as_a_source(make_config: MakeConfig) -> None:
    asked = make_config(max_length_tokens=POSITIONS).model_copy(update={"max_target_tokens": POSITIONS + 1})
    assert [problem.key for problem in problems(settings_of("bart"), asked, "seq2seq_lm")] == ["max_target_tokens"]
    assert problems(settings_of("bart"), asked, "question_answering") == []
    assert problems(settings_of("t5"), asked, "seq2seq_lm") == []


def test_the_families_that_have_token_types() -> None:
    assert [name for name in FAMILIES if takes(settings_of(name))] == ["bert", "xlnet", "albert", "electra"]
