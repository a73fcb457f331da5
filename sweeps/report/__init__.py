"""The report for people: one HTML file that needs nothing else, and its charts as pictures."""

from sweeps.report.render import render
from sweeps.report.write import write_report

__all__ = ["render", "write_report"]
