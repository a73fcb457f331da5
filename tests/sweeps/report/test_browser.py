"""The report in a real browser: nothing is complained about, and nothing sticks out on a phone."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.contract import Kind, Scalar, Trial
from sweeps.study.importance import importances
from sweeps.winner.paired import ConfirmConfig
from sweeps.winner.selection import choose, from_trials
from tests.sweeps.record.recorded import METRIC, ended, live_trial, sweep_config
from tests.sweeps.report.page import render

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs chromium to look at the page"),
]

LOOK = """
<body style="margin: 0"><iframe id="page" style="border: 0" width="{width}" height="3000" srcdoc="{page}"></iframe>
<script>
document.getElementById("page").onload = (event) => {{
  const page = event.target.contentDocument, width = {width};
  const scrolls = (element) => element && (getComputedStyle(element).overflowX === "auto" || scrolls(element.parentElement));
  const out = [...page.querySelectorAll("body *")].filter((each) =>
    each.getBoundingClientRect().right > width + 1 && !scrolls(each.parentElement) && !each.closest("svg, details:not([open])"));
  const found = {{
    wider: page.documentElement.scrollWidth > width,
    out: out.map((each) => each.tagName + " " + each.textContent.slice(0, 40)),
    charts: page.querySelectorAll("svg").length,
    background: getComputedStyle(page.body).backgroundColor,
    dots: getComputedStyle(page.querySelector("figure path[style*='--completed']") || page.body).stroke,
  }};
  document.body.innerHTML = "<pre>FOUND" + JSON.stringify(found) + "END</pre>";
}};
</script>
"""


def whole_report(path: Path, count: int) -> str:
    """Trials of every kind, some with long names and reasons, and finalists."""
    config = sweep_config(path, name="a-sweep-with-a-rather-long-name-that-goes-on-and-on")
    config = config.model_copy(
        update={"confirm": ConfirmConfig(top_k=2, seeds=3), "metrics": [{METRIC: "max"}, {"train_seconds": "min"}]}
    )
    trials = [_trial(number) for number in range(count)]
    fresh = [
        replace(trials[0], number=place, repeats=(place // 3) * 6, seed=1000 + place % 3, values={1: 0.6 + place / 50})
        for place in range(6)
    ]
    fresh = [replace(each, best_validation=1) for each in fresh]
    ranking = choose(
        from_trials(trials, METRIC), from_trials(fresh, METRIC), seeds=config.fresh_seeds, mode=config.mode
    )
    return render(
        config,
        trials=trials,
        winner=ranking[0],
        ranking=ranking,
        confirmations=fresh,
        test={"test_accuracy": 0.5},
        environment={"platform": "x" * 200},
        notes=["y" * 300],
        importances=importances(config, trials),
    )


def _trial(number: int) -> Trial:
    value = 0.5 + (number * 37 % 100) / 250
    kind = list(Kind)[number % 6]
    params: dict[str, Scalar] = {
        "learning_rate": 1e-5 * (number % 90 + 1),
        "scheduler": ["linear", "polynomial"][number % 2],
    }
    return replace(
        ended(live_trial(number), kind, "" if kind is Kind.COMPLETED else "z" * 120),
        params=params | ({"power": 1.5} if number % 2 else {}),
        values={1: value / 2, 2: value / 1.5, 3: value},
        best_validation=3,
        summary={"train_seconds": 10.0 + number % 7},
    )


def look(page: str, folder: Path, width: int, *, dark: bool = False) -> tuple[dict[str, object], str]:
    """What the browser finds at a width, and what it says on its console."""
    (folder / "look.html").write_text(LOOK.format(width=width, page=html.escape(page)))
    assert BROWSER is not None
    words = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"]
    words += ["--enable-logging=stderr", f"--user-data-dir={folder / 'browser'}", "--window-size=1300,3000"]
    words += [f"--blink-settings=preferredColorScheme={0 if dark else 1}", (folder / "look.html").as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=110, check=True)
    found = re.search(r"FOUND(\{.*?\})END", done.stdout)
    assert found, done.stdout[-500:]
    return json.loads(html.unescape(found[1])), "\n".join(re.findall(r".*CONSOLE.*", done.stderr))


@pytest.mark.parametrize("count", [6, 200])
def test_nothing_sticks_out_on_a_phone_and_nothing_is_complained_about(tmp_path: Path, count: int) -> None:
    found, console = look(whole_report(tmp_path, count), tmp_path, 390)
    assert (found["wider"], found["out"]) == (False, [])
    assert console == ""
    assert isinstance(found["charts"], int)
    assert found["charts"] >= 8


def test_colors_follow_what_the_reader_prefers(tmp_path: Path) -> None:
    page = whole_report(tmp_path, 30)
    light, _ = look(page, tmp_path, 1200)
    dark, _ = look(page, tmp_path, 1200, dark=True)
    assert light["out"] == dark["out"] == []
    assert light["background"] != dark["background"]
    assert light["dots"] != dark["dots"]


def test_a_sweep_without_a_trial(tmp_path: Path) -> None:
    page = render(sweep_config(tmp_path), trials=[], winner=None, test={}, environment={})
    found, console = look(page, tmp_path, 390)
    assert (found["wider"], found["out"], console) == (False, [], "")
