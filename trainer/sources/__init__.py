"""Data sets as they were published: folders, files, the hub."""
