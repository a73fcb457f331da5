import math

import numpy as np
import pytest

from trainer.tasks.answer_spans import Said, best_span

DRAW = np.random.default_rng(0)


def said(start: list[float], end: list[float], *, nowhere: float = 0.0, first: int = 0) -> Said:
    """About tokens of two characters each, with a space between."""
    at = np.arange(first, first + len(start)) * 3
    return Said(np.array(start), np.array(end), nowhere, np.stack((at, at + 2), axis=1), first)


def windows_of(num_tokens: int, length: int, shared: int) -> list[Said]:
    firsts = range(0, max(1, num_tokens - shared), length - shared)
    sizes = [min(length, num_tokens - first) for first in firsts]
    return [
        said(
            DRAW.normal(scale=3, size=size).tolist(),
            DRAW.normal(scale=3, size=size).tolist(),
            nowhere=float(DRAW.normal(scale=4)),
            first=first,
        )
        for first, size in zip(firsts, sizes, strict=True)
    ]


def by_trying_all(windows: list[Said], max_answer_tokens: int) -> tuple[dict[tuple[int, int], float], float]:
    """The best score of each span by its characters, and of no answer."""
    scores: dict[tuple[int, int], float] = {}
    for window in windows:
        for start in range(len(window.start)):
            for end in range(start, min(start + max_answer_tokens, len(window.end))):
                place = int(window.offsets[start, 0]), int(window.offsets[end, 1])
                score = float(window.start[start] + window.end[end])
                scores[place] = max(score, scores.get(place, -math.inf))
    return scores, min(window.nowhere for window in windows)


@pytest.mark.parametrize("max_answer_tokens", [1, 4, 50])
@pytest.mark.parametrize(("num_tokens", "length", "shared"), [(1, 8, 0), (20, 30, 5), (45, 12, 0), (60, 20, 13)])
def test_the_best_span_is_the_best_of_all_there_are(
    num_tokens: int, length: int, shared: int, max_answer_tokens: int
) -> None:
    for _ in range(10):
        windows = windows_of(num_tokens, length, shared)
        scores, nowhere = by_trying_all(windows, max_answer_tokens)
        best = max(scores, key=lambda place: scores[place])
        total = sum(map(math.exp, scores.values()))
        span = best_span(windows, max_answer_tokens, may_have_none=False)
        assert (span.start, span.end) == best
        assert span.probability == pytest.approx(math.exp(scores[best]) / total, rel=1e-5)
        assert span.no_answer_probability == 0
        span = best_span(windows, max_answer_tokens, may_have_none=True)
        total += math.exp(nowhere)
        assert (span.start, span.end) == best
        assert span.probability == pytest.approx(math.exp(scores[best]) / total, rel=1e-5)
        assert span.no_answer_probability == pytest.approx(math.exp(nowhere) / total, rel=1e-5)


def test_an_answer_does_not_end_before_it_starts_or_too_late() -> None:
    assert best_span([said([0, 0, 9], [8, 0, 0])], 3, may_have_none=False).start == 6
    span = best_span([said([9, 0, 0, 0], [0, 1, 0, 8])], 3, may_have_none=False)
    assert (span.start, span.end) == (0, 5)


def test_one_sure_window_outweighs_others_that_see_no_answer() -> None:
    empty, full = said([0, 0], [0, 0], nowhere=9), said([8, 0], [8, 0], nowhere=1, first=2)
    span = best_span([empty, full], 5, may_have_none=True)
    assert (span.start, span.end) == (6, 8)
    assert span.probability > 0.99 > span.no_answer_probability


def test_a_span_that_two_windows_see_counts_once() -> None:
    twice = [said([0, 20], [0, 20]), said([20, 0], [20, 0], first=1)]
    assert best_span(twice, 5, may_have_none=False).probability == pytest.approx(1)


def test_no_answer_begins_or_ends_with_white_space_alone() -> None:
    window = said([9, 1, 0], [0, 1, 9])
    window.offsets[[0, 2]] = [[0, 0], [6, 6]]
    span = best_span([window], 3, may_have_none=False)
    assert (span.start, span.end, span.probability) == (3, 5, 1)


def test_a_context_without_tokens_has_no_answer() -> None:
    nothing = said([], [])
    assert best_span([nothing], 3, may_have_none=False).end == 0
    span = best_span([nothing], 3, may_have_none=True)
    assert (span.end, span.probability, span.no_answer_probability) == (0, 0, 1)


def test_large_logits_do_not_overflow() -> None:
    span = best_span([said([3e4, 0], [3e4, 0], nowhere=-6e4)], 3, may_have_none=True)
    assert (span.probability, span.no_answer_probability) == (1, 0)
