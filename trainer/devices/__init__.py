"""Several devices that train one model: a process for each, of which the first one is the caller's own."""
