"""Steering a sweep that runs, from another process."""
