"""Whether the packages that a task needs are there, and their installation when the user asks for it.

Looking imports nothing: torch takes seconds to load, and on some systems cannot be replaced afterwards.
Nothing here installs by itself; `install` is for the handler of a button.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from segae.errors import InputError, SegAEError
from segae.jobs.calls import CallJob
from segae.jobs.process import ExitMessages

REQUIRED = {"torch": "2.1", "torchvision": "0.16", "safetensors": "0.4"}  # for scoring; name: lowest version
_MODULES = {"scikit-learn": "sklearn"}  # what a package is imported as, where that is not its name
_FROM_PYTORCH_EXTENSION = ("torch", "torchvision")
_SMALL = "safetensors"  # half a megabyte: fetched to find out whether pip reaches its index


class DependencyError(SegAEError):
    """Packages are not there and could not be installed; `offer_wheels`: a folder of wheels would help."""

    def __init__(self, sentence: str, *, offer_wheels: bool = False) -> None:
        super().__init__(sentence)
        self.offer_wheels = offer_wheels


@dataclass(frozen=True)
class PackageState:
    """A package that is needed, its lowest version, and the installed one (None: not there or broken)."""

    name: str
    minimum: str
    installed: str | None

    @property
    def requirement(self) -> str:
        """As pip takes it."""
        return f"{self.name}>={self.minimum}"

    @property
    def module(self) -> str:
        """What it is imported as."""
        return _module(self.name)

    @property
    def is_too_old(self) -> bool:
        return self.installed is not None and _numbers(self.installed) < _numbers(self.minimum)


class TorchInstaller(Protocol):
    """What is used of `PyTorchUtils.PyTorchUtilsLogic`."""

    def installTorch(self, **options: Any) -> Any: ...  # noqa: N802 (the extension's name)


@dataclass(frozen=True)
class InstallTools:
    """What the application lends. `torch_installer` raises ModuleNotFoundError without the PyTorch extension;
    `pip_install` takes pip's arguments and raises CalledProcessError; `is_online` and
    `verify` (that modules can be imported; raises `DependencyError`) may take some seconds."""

    torch_installer: Callable[[], TorchInstaller]
    pip_install: Callable[[list[str]], Any]
    is_online: Callable[[], bool]
    verify: Callable[[Sequence[str]], None]


def application_tools() -> InstallTools:
    """The tools of a running Slicer."""
    import slicer.util  # type: ignore[import-not-found]

    def torch_installer() -> TorchInstaller:
        return importlib.import_module("PyTorchUtils").PyTorchUtilsLogic()

    return InstallTools(torch_installer, slicer.util.pip_install, reaches_index, verify)


def package_states(required: dict[str, str] = REQUIRED) -> tuple[PackageState, ...]:
    """Every package that is needed, looked up without importing it."""
    return tuple(PackageState(name, minimum, _installed(name)) for name, minimum in required.items())


def missing_packages(required: dict[str, str] = REQUIRED) -> tuple[PackageState, ...]:
    """Those that keep it from working: not there, or too old."""
    return tuple(state for state in package_states(required) if state.installed is None or state.is_too_old)


def explain_missing(missing: Sequence[PackageState], purpose: str = "Scoring") -> str:
    """What a button that installs says before it is pressed."""
    names = _listed([state.name for state in missing])
    return (
        f"{purpose} needs {names}. Installing takes some minutes and up to several gigabytes, through the "
        "PyTorch extension; nothing about your images leaves this computer."
    )


def install(
    tools: InstallTools, missing: Sequence[PackageState], *, ask: bool = True, wheels: Path | None = None
) -> None:
    """Install what is missing and check that it can be imported.

    `ask`: the PyTorch extension asks before it downloads. `wheels`: take the files of this folder and no
    network. Raises `DependencyError` with what went wrong and what to do.
    """
    old = next((state for state in missing if state.is_too_old), None)
    if old is not None:
        raise DependencyError(
            f"{old.name} {old.installed} is too old (needed: {old.minimum}); remove it in the module PyTorch "
            "Utils, restart Slicer and install again."
        )
    try:
        if wheels is not None:
            _install_wheels(tools, missing, wheels)
        else:
            _install_from_index(tools, missing, ask)
    except subprocess.CalledProcessError as error:
        raise DependencyError(
            f"pip ended with code {error.returncode}, the Python console shows why; when a proxy or missing "
            "internet is the reason, choose a folder with the wheel files.",
            offer_wheels=True,
        ) from error
    importlib.invalidate_caches()
    tools.verify(tuple(dict.fromkeys([*REQUIRED, *(state.module for state in missing)])))


_CHECK = ExitMessages(
    "The check of the packages",
    "close other programs and try again",
    "remove PyTorch in the module PyTorch Utils, restart Slicer and install again",
    "remove PyTorch in the module PyTorch Utils, restart Slicer and install again",
)


def verify(names: Sequence[str]) -> None:
    """Import modules in a child process; raises `DependencyError` with the reason when that fails."""
    try:
        CallJob("segae.jobs.calls:import_modules", {"names": list(names)}, _CHECK).run()
    except InputError as error:
        raise DependencyError(
            f"The packages are installed but cannot be loaded ({error}); remove PyTorch in the module "
            "PyTorch Utils, restart Slicer and install again."
        ) from error
    except SegAEError as error:
        raise DependencyError(str(error)) from error


def reaches_index() -> bool:
    """Whether pip, with its own settings for index and proxy, can fetch a small package."""
    with tempfile.TemporaryDirectory() as folder:
        quick = ["--quiet", "--no-deps", "--disable-pip-version-check", "--timeout", "5", "--retries", "0"]
        arguments = ["download", *quick, "--dest", folder, _SMALL]
        job = CallJob("segae.jobs.calls:run_program", {"program": "pip", "arguments": arguments}, _CHECK)
        try:
            return job.run() == 0
        except SegAEError as error:
            raise DependencyError(str(error)) from error


def wheel_command(missing: Sequence[PackageState]) -> str:
    """The command that fills a folder with wheel files on a computer with internet and the same system."""
    packages = " ".join(f'"{state.requirement}"' for state in missing)
    return (
        f"python -m pip download --only-binary :all: --python-version {sys.version_info.major}."
        f"{sys.version_info.minor} --dest wheels {packages}"
    )


def _install_wheels(tools: InstallTools, missing: Sequence[PackageState], wheels: Path) -> None:
    files = {state.name: f"{state.name.replace('-', '_')}-*.whl" for state in missing}
    absent = [name for name, pattern in files.items() if not any(wheels.glob(pattern))]
    if absent:
        raise DependencyError(
            f'The folder "{wheels}" has no wheel file of {_listed(absent)}; fill it with: '
            + wheel_command(missing),
            offer_wheels=True,
        )
    offline = ["--no-index", "--find-links", str(wheels)]
    tools.pip_install([*offline, *(state.requirement for state in missing)])


def _install_from_index(tools: InstallTools, missing: Sequence[PackageState], ask: bool) -> None:
    if not tools.is_online():
        raise DependencyError(
            "pip cannot reach its package index, so nothing was installed; check internet and proxy, or "
            f"choose a folder with wheel files, made elsewhere with: {wheel_command(missing)}",
            offer_wheels=True,
        )
    if any(state.name in _FROM_PYTORCH_EXTENSION for state in missing):
        _install_torch(tools, ask)
    others = [state.requirement for state in missing if state.name not in _FROM_PYTORCH_EXTENSION]
    if others:
        tools.pip_install(others)


def _install_torch(tools: InstallTools, ask: bool) -> None:
    try:
        installer = tools.torch_installer()
    except ModuleNotFoundError as error:
        raise DependencyError(
            "The PyTorch extension is not installed; install it in the Extensions Manager, restart Slicer "
            "and try again, or choose a folder with wheel files.",
            offer_wheels=True,
        ) from error
    torch = installer.installTorch(
        askConfirmation=ask,
        torchVersionRequirement=f">={REQUIRED['torch']}",
        torchvisionVersionRequirement=f">={REQUIRED['torchvision']}",
    )
    if torch is None:
        raise DependencyError("PyTorch was not installed; press the button again when you want to score.")


def _installed(name: str) -> str | None:
    """Version of a package whose files are there too; a removal that failed leaves only one of them."""
    try:
        return version(name) if find_spec(_module(name)) is not None else None
    except PackageNotFoundError:
        return None


def _module(name: str) -> str:
    return _MODULES.get(name, name.replace("-", "_"))


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers that a version begins with: "2.10.1+cu126" -> (2, 10, 1)."""
    match = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, match.group().split("."))) if match else ()


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
