"""What a sweep is told: the sections of its configuration, its space, and what of it may change."""
