"""Puts the Python packages of the application that slicer-core lacks under `slicer`."""

import sys

from . import i18n, parameter_node, pip_packages, sample_data, scripted_module
from .untyped import slicer


def install_slicer_packages() -> None:
    """Make ``from slicer.X import ...`` and ``import SampleData`` work."""
    packages = {
        "i18n": i18n.module(),
        "packaging": pip_packages.module(),
        "ScriptedLoadableModule": scripted_module.module(),
        "parameterNodeWrapper": parameter_node.module(),
    }
    for name, package in packages.items():
        sys.modules[f"slicer.{name}"] = package
        setattr(slicer, name, package)
    sys.modules["SampleData"] = sample_data.module()
    slicer.selfTests = {}
