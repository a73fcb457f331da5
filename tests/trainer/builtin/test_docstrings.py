from collections import Counter

import pytest

from trainer.builtin.docstrings import LIBRARIES, SIZES, Docstrings, sentences
from trainer.document import ConfigError


def test_prose_is_kept_and_all_else_dropped() -> None:
    docstring = """Compute the mean of ``values`` along an axis of :class:`numpy.ndarray`.

    Too short here. This one, however, is a whole sentence of a good length.

    >>> code(1, 2) gives something that nobody would call a sentence at all.

    x : int
        The name is followed by what it means, so that this is not a sentence.

    .. note:: A directive is not prose, however many words it may have in it.
    """
    assert list(sentences(docstring)) == [
        "Compute the mean of values along an axis of library.ndarray.",
        "This one, however, is a whole sentence of a good length.",
    ]


@pytest.mark.parametrize(
    "name", ["torch", "PyTorch", "scikit-learn", "MlflowClient", "Hugging Face", "RayActor", "Ray", "np"]
)
def test_names_that_give_the_library_away_are_masked(name: str) -> None:
    (sentence,) = sentences(f"This is a sentence that tells about {name} here.")
    assert sentence.startswith("This is a sentence that tells about library")
    assert name.lower() not in sentence.lower()


def test_words_that_only_contain_a_short_name_stay() -> None:
    text = "Each array input is brayed over transformed data."
    assert list(sentences(text)) == [text]


def test_the_set_is_balanced_and_no_sentence_is_there_twice() -> None:
    source = Docstrings(0)
    parts = {part: source.sentences(part) for part in source.parts}
    for part, rows in parts.items():
        assert Counter(library for _, library in rows) == dict.fromkeys(LIBRARIES, SIZES[part])
        assert [record.values for record in source.records(part)] == [{"text": t, "label": lib} for t, lib in rows]
    texts = [text.lower() for rows in parts.values() for text, _ in rows]
    assert len(texts) == len(set(texts)) >= 4_000
    assert len(source.labels) >= 6
    libraries = [library for _, library in parts["train"][:100]]
    assert libraries != sorted(libraries)


def test_the_seed_cuts_the_parts() -> None:
    assert Docstrings(0).sentences("test") == Docstrings(0).sentences("test")
    assert Docstrings(0).sentences("test") != Docstrings(1).sentences("test")
    assert Docstrings(0).fingerprint("test") != Docstrings(1).fingerprint("test")
    assert Docstrings(0).fingerprint("test") != Docstrings(0).fingerprint("train")


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIBRARIES, "nowhere", "no-such-distribution")
    with pytest.raises(ConfigError, match="needs these to be installed: no-such-distribution"):
        list(Docstrings(0).records("train"))
