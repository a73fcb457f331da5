"""What a sweep spends: its limits, and what it has cost."""
