"""Sweeps whose truth is known: landscapes of learning curves, and what a search makes of them. Needs no data and no model."""
