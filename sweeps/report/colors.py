"""The colors of the report, by what they stand for."""

from collections.abc import Mapping

Colors = Mapping[str, str]

LIGHT = {
    "page": "#f6f7f9",
    "card": "#ffffff",
    "line": "#e3e6eb",
    "text": "#1a2029",
    "code": "#f0f2f5",
    "ink": "#5b6573",
    "faint": "#e6e9ee",
    "winner": "#04795b",
    "quarter-1": "#2f6fde",
    "quarter-2": "#8aaeea",
    "quarter-3": "#b9c6da",
    "quarter-4": "#dadfe7",
    "running": "#8a94a3",
    "completed": "#2f6fde",
    "pruned": "#9aa5b4",
    "diverged": "#c97a10",
    "out-of-memory": "#8b45d0",
    "failed": "#cf3434",
    "lost": "#b0307f",
}
"""Name of a color -> what it is on a light page. The endings of trials are among the names."""

DARK = {
    "page": "#12151a",
    "card": "#1a1f26",
    "line": "#2a313b",
    "text": "#e8ebef",
    "code": "#232a33",
    "ink": "#98a3b2",
    "faint": "#29303a",
    "winner": "#3ecf9f",
    "quarter-1": "#6fa2ff",
    "quarter-2": "#4b6ea8",
    "quarter-3": "#3b4a61",
    "quarter-4": "#303844",
    "running": "#77818f",
    "completed": "#6fa2ff",
    "pruned": "#6d7887",
    "diverged": "#eda63b",
    "out-of-memory": "#bd86f5",
    "failed": "#f47272",
    "lost": "#ea74bd",
}
"""The same on a dark one."""

STAND_INS = {name: f"#0000{number:02x}" for number, name in enumerate(LIGHT, start=0xA0)}
"""What stands for a color of the page while matplotlib draws."""
