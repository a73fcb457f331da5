"""Which validation stops how many, in lines for people. Pure."""

from collections.abc import Sequence
from fractions import Fraction

from sweeps.study.rungs import Bracket


def halving(brackets: Sequence[Bracket], factor: int, validations: int, num_trials: int) -> list[str]:
    """A line for each rung. Expected numbers, as nobody waits for a rung to fill up.

    Args:
        brackets: Who is judged where; empty lines if nobody ever is.
        factor: One in `factor` goes on.
        validations: Over the horizon.
        num_trials: Trials in the budget.
    """
    if not any(bracket.rungs for bracket in brackets):
        return []
    weights = sum(bracket.weight for bracket in brackets)
    lines = []
    for bracket in brackets:
        trials = num_trials * bracket.weight / weights
        said = _rungs(bracket, factor, validations, trials) or ["never stopped"]
        head = f"about {trials:.0f} trials: " if len(brackets) > 1 else ""
        lines += [(head if row == 0 else " " * len(head)) + text for row, text in enumerate(said)]
    return lines


def every(first: int, validations: int, rule: str, *, startup_trials: int = 0) -> list[str]:
    """One line for a rule that holds at each validation from `first` on; none if the horizon ends before."""
    last = validations - 1
    if first > last:
        return []
    where = f"validation {first}" if first == last else f"validations {first} to {last}"
    after = f", once {startup_trials} have completed" if startup_trials else ""
    return [f"{where} of {validations}: {rule}{after}"]


def steps_ratio(brackets: Sequence[Bracket], factor: int, validations: int) -> float:
    """Expected share of all training steps that are made; the rest is what stopping early saves."""
    made = 0.0
    for bracket in brackets:
        stretches = zip((0, *bracket.rungs), (*bracket.rungs, validations), strict=True)
        made += bracket.weight * sum((end - start) / factor**place for place, (start, end) in enumerate(stretches))
    return made / validations / sum(bracket.weight for bracket in brackets)


def _rungs(bracket: Bracket, factor: int, validations: int, trials: float) -> list[str]:
    part = Fraction(factor - 1, factor)
    goes = "the worse half goes" if part == Fraction(1, 2) else f"the worse {part} go"
    width = len(f"{trials:.0f}")
    return [
        f"validation {rung} of {validations}: {goes}, about {trials / factor ** (place + 1):{width}.0f} go on"
        for place, rung in enumerate(bracket.rungs)
    ]
