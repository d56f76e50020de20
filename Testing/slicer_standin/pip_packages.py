"""`slicer.packaging` (Slicer 5.12, guide 3.2): checks as there, never installs anything."""

import types
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement


def pip_check(requirements: Any) -> bool:
    """Whether all requirements ("torch>=2.1", Requirement, or a list) are installed."""
    return all(_is_installed(r) for r in _parse(requirements))


def _parse(requirements: Any) -> list[Requirement]:
    single = isinstance(requirements, (str, Requirement))
    items: Iterable[Any] = [requirements] if single else requirements
    return [r if isinstance(r, Requirement) else Requirement(r) for r in items]


def _is_installed(requirement: Requirement) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def pip_ensure(requirements: Any, skip_in_testing: bool = True, **options: Any) -> None:
    """Under testing Slicer returns without a word, so code after it must cope with an ImportError.

    Raises:
        RuntimeError: ``skip_in_testing=False`` and something is missing.
    """
    if not skip_in_testing and not pip_check(requirements):
        raise RuntimeError("the test bed installs nothing")


def pip_install(requirements: Any, **options: Any) -> None:
    """Raises RuntimeError: the test bed installs nothing."""
    raise RuntimeError("the test bed installs nothing")


def load_requirements(path: Any) -> list[Requirement]:
    """Requirements of a requirements.txt; comments and lines that begin with "-" are skipped."""
    lines = [line.partition("#")[0].strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def module() -> types.ModuleType:
    """The module object `slicer.packaging`."""
    made = types.ModuleType("slicer.packaging")
    for function in (pip_check, pip_ensure, pip_install, load_requirements):
        setattr(made, function.__name__, function)
    made.isPipInstallInProgress = lambda: False  # type: ignore[attr-defined]
    return made
