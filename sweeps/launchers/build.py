"""Makes the launcher that a configuration names, and who starts the processes of its trials."""

from sweeps.contract import Launcher
from sweeps.settings.resources import ResourcesConfig
from trainer.devices.starter import LOCALLY, Starter


def build_launcher(resources: ResourcesConfig) -> Launcher:
    """The launcher that `resources.launcher` names, not yet started."""
    if resources.launcher == "in_process":
        from sweeps.launchers.in_process import InProcess

        return InProcess(resources)
    from sweeps.launchers.ray_tune import RayTune

    return RayTune(resources)


def build_starter(resources: ResourcesConfig) -> Starter:
    """Who starts the processes of a trial on several devices, to be asked where the launcher runs it."""
    if resources.nodes == 1:
        return LOCALLY
    from sweeps.launchers.ray_followers import OnNodes

    return OnNodes(num_nodes=resources.nodes)
