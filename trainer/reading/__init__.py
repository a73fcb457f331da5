"""Readers, one file a format. None of them knows what its columns mean: the tasks do."""
