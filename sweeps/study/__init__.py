"""Optuna decides: what is tried next, what is stopped, and what is true. The only package that imports optuna."""
