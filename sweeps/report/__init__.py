"""The report for people: one HTML file that needs nothing else. Pure: plain data in, text out."""

from sweeps.report.render import render

__all__ = ["render"]
