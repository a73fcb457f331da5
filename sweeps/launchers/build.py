"""Makes the launcher that a configuration names."""

from sweeps.contract import Launcher
from sweeps.settings.resources import ResourcesConfig


def build_launcher(resources: ResourcesConfig) -> Launcher:
    """The launcher that `resources.launcher` names, not yet started."""
    if resources.launcher == "in_process":
        from sweeps.launchers.in_process import InProcess

        return InProcess(resources)
    from sweeps.launchers.ray_tune import RayTune

    return RayTune(resources)
