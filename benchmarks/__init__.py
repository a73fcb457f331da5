"""How fast the project is, as ratios of two things measured in one run."""
