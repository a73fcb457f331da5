"""The launchers there are. Apart from their code, so that reading a config imports no ray."""

LAUNCHERS: dict[str, str] = {
    "ray_tune": "trials as warm actors on every node of a Ray cluster, or on this machine alone",
    "in_process": "one trial after the other in this process: no cluster, easy to debug",
}
"""Name -> what it is for."""
