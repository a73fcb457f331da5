"""A report, made in a line and read as a browser would read it."""

from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

from sweeps import report
from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.report.subject import Subject
from sweeps.winner.selection import Candidate

VOID = {"meta", "link", "br", "img"}
LOADS = {"src", "srcset", "data", "poster", "action"}


class Page(HTMLParser):
    """Checks that elements are closed in order, that nothing is loaded, and that each link leads somewhere on the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said = ""
        self.headings: list[str] = []
        self.num_charts = 0
        self.links: set[str] = set()
        self.ids: list[str] = []
        assert "url(" not in text.replace("url(#", "")
        assert "@import" not in text
        assert "#0000a" not in text  # every stand-in for a color was replaced
        assert "#0000b" not in text
        self.feed(text)
        assert self.open == []
        assert self.links <= set(self.ids)
        assert len(self.ids) == len(set(self.ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "link", "iframe", "img"}
        self.num_charts += tag == "svg"
        if tag == "h2":
            self.headings.append("")
        for name, value in attrs:
            assert name not in LOADS
            assert not name.startswith("on")
            if name == "id":
                self.ids.append(value or "")
            if name.endswith("href"):
                assert (value or "").startswith("#")
                self.links.add((value or "")[1:])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.said += data
        if self.open and self.open[-1] == "h2":
            self.headings[-1] += data


def render(
    config: SweepConfig,
    *,
    trials: Sequence[Trial],
    winner: Candidate | None = None,
    ranking: Sequence[Candidate] = (),
    importances: Mapping[str, float] | None = None,
    **more: Any,
) -> str:
    """The report of a sweep, of whose ranking the winner is enough."""
    ranking = ranking or ([] if winner is None else [winner])
    subject = Subject(config=config, trials=trials, ranking=ranking, importances=importances or {})
    return report.render(subject, **more)
