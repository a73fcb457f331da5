"""Who wins a sweep, and how sure that is."""
