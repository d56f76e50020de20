"""Whether the packages that a task needs are there, and their installation when the user asks for it.

Looking imports nothing: torch takes seconds to load, and on some systems cannot be replaced afterwards.
What and how much would be installed is asked first; then pip works in a child process. torch comes through
the PyTorch extension, which chooses the build for the graphics card and works inside the application.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import re
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, Protocol
from urllib.error import URLError

from segae.errors import InputError, SegAEError
from segae.files import reason
from segae.jobs.calls import CallJob, run_program
from segae.jobs.process import ExitMessages
from segae.progress import Watch

REQUIRED = {"torch": "2.1", "torchvision": "0.16", "safetensors": "0.4"}  # for scoring; name: lowest version
FOR_DICOM_MASKS = {"highdicom": "0.26"}
FOR_RECALIBRATION = {"scikit-learn": "1.4", "crepes": "0.7"}
FOR_PARQUET = {"pyarrow": "17"}  # in which a batch outside of Slicer keeps its results
_MODULES = {"scikit-learn": "sklearn"}  # what a package is imported as, where that is not its name
_FROM_PYTORCH_EXTENSION = ("torch", "torchvision")
# Never replaced: the application brings them along, or they fit the graphics card.
_KEPT = ("numpy", "scipy", "SimpleITK", "vtk", *_FROM_PYTORCH_EXTENSION)


class DependencyError(SegAEError):
    """Packages are not there and could not be installed."""


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


def package_states(required: dict[str, str] = REQUIRED) -> tuple[PackageState, ...]:
    """Every package that is needed, looked up without importing it."""
    return tuple(PackageState(name, minimum, _installed(name)) for name, minimum in required.items())


def missing_packages(required: dict[str, str] = REQUIRED) -> tuple[PackageState, ...]:
    """Those that keep it from working: not there, or too old."""
    return tuple(state for state in package_states(required) if state.installed is None or state.is_too_old)


def explain_missing(missing: Sequence[PackageState], purpose: str = "Scoring") -> str:
    """What is said beside a button that installs, before it is pressed."""
    way = " torch comes through the PyTorch extension." if _torch_in(missing) else ""
    return (
        f"{purpose} needs {_listed([state.name for state in missing])}.{way} Install finds out what belongs "
        "to that and how large it is, and asks before anything is installed; nothing about your images "
        "leaves this computer."
    )


def wheel_command(missing: Sequence[PackageState]) -> str:
    """The command that fills a folder with wheel files on a computer with internet and the same system."""
    packages = " ".join(f'"{state.requirement}"' for state in missing)
    return (
        f"python -m pip download --only-binary :all: --python-version {sys.version_info.major}."
        f"{sys.version_info.minor} --dest wheels {packages}"
    )


@dataclass(frozen=True)
class Download:
    """A package that would be installed; `size` in bytes, None where the index does not tell."""

    name: str
    version: str
    size: int | None


@dataclass(frozen=True)
class Plan:
    """What an installation takes. `through_extension`: torch, by the PyTorch extension; then `downloads` is
    empty, as what else is missing depends on the build that it chooses. `wheels`: the folder they lie in."""

    downloads: tuple[Download, ...] = ()
    through_extension: bool = False
    wheels: Path | None = None

    def question(self) -> str:
        """What would be installed, and how much it is."""
        if self.through_extension:
            return (
                "The PyTorch extension will install torch and torchvision in the build for your graphics "
                "card: about 200 MB to download without one, up to 3 GB for one of NVIDIA. Slicer cannot be "
                "used until that is done, and it cannot be stopped: about 2 minutes for the small build and "
                "15 for the large one at 50 Mbit/s. Save your work first."
            )
        sizes = [one.size for one in self.downloads if one.size is not None]
        more = "at least " if len(sizes) < len(self.downloads) else ""
        what = f"{more}{megabytes(sum(sizes))} " + ("to download" if self.wheels is None else "of files")
        names = ", ".join(f"{one.name} {one.version}" for one in self.downloads)
        count = "1 package" if len(self.downloads) == 1 else f"{len(self.downloads)} packages"
        return f"{count} will be installed, {what}: {names}."


def megabytes(size: float) -> str:
    """A number of bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"


class TorchInstaller(Protocol):
    """What is used of `PyTorchUtils.PyTorchUtilsLogic`."""

    def installTorch(self, **options: Any) -> Any: ...  # noqa: N802 (the extension's name)


def pytorch_extension() -> TorchInstaller:
    """The extension's logic; raises `DependencyError` where it is not installed."""
    try:
        return importlib.import_module("PyTorchUtils").PyTorchUtilsLogic()
    except ModuleNotFoundError as error:
        raise DependencyError(
            "torch comes through the PyTorch extension, which is not installed; install it in the Extensions "
            "Manager and restart Slicer, or choose a folder with wheel files."
        ) from error


def install_torch(extension: Callable[[], TorchInstaller] = pytorch_extension) -> None:
    """Let the PyTorch extension install torch and torchvision, without a further question. Its function
    returns when pip is done, and pumps events of the application in the calling thread: it can neither be
    called in another thread nor be stopped. Raises `DependencyError`."""
    logic = extension()
    try:
        torch = logic.installTorch(
            askConfirmation=False,
            torchVersionRequirement=f">={REQUIRED['torch']}",
            torchvisionVersionRequirement=f">={REQUIRED['torchvision']}",
        )
    except (CalledProcessError, ImportError, OSError, RuntimeError) as error:
        why = reason(error).rstrip(".")
        raise DependencyError(
            f"The PyTorch extension could not install torch ({why}); check internet and proxy and press "
            "Install again, or choose a folder with wheel files."
        ) from error
    if torch is None:
        raise DependencyError("PyTorch was not installed; press Install again when you want to have it.")
    importlib.invalidate_caches()


_MESSAGES = ExitMessages(
    "The installation",
    "close other programs and try again",
    "remove PyTorch in the module PyTorch Utils, restart Slicer and install again",
    "remove PyTorch in the module PyTorch Utils, restart Slicer and install again",
)


def plan_of(
    missing: Sequence[PackageState],
    wheels: Path | None = None,
    extension: Callable[[], TorchInstaller] = pytorch_extension,
) -> Plan | CallJob:
    """The plan of an installation, or a job that returns its `downloads` (`downloads_from`).

    `wheels`: take the files of this folder and no network. Raises `DependencyError` when it cannot be done.
    """
    old = next((state for state in missing if state.is_too_old), None)
    if old is not None and old.name in _KEPT:
        raise DependencyError(
            f"{old.name} {old.installed} is too old (needed: {old.minimum}); remove it in the module PyTorch "
            "Utils, restart Slicer and install again."
        )
    if wheels is None and _torch_in(missing):
        extension()  # says so now, before anything is asked
        return Plan(through_extension=True)
    if wheels is not None:
        files = {state.name: f"{state.name.replace('-', '_')}-*.whl" for state in missing}
        absent = [name for name, pattern in files.items() if not any(wheels.glob(pattern))]
        if absent:
            raise DependencyError(
                f'The folder "{wheels}" has no wheel file of {_listed(absent)}; fill it with: '
                + wheel_command(missing)
            )
    arguments = {
        "requirements": [state.requirement for state in missing],
        "kept": [f"{name}=={found}" for name in _KEPT if (found := _installed(name)) is not None],
        "wheels": None if wheels is None else str(wheels),
        "advice": "check internet and proxy, or choose a folder with wheel files, made elsewhere with: "
        + wheel_command(missing),
    }
    return CallJob("SegAELib.app.dependencies:find_downloads", arguments, _MESSAGES)


def downloads_from(value: Sequence[Sequence[Any]]) -> tuple[Download, ...]:
    """What the job of `plan_of` returned."""
    return tuple(Download(*one) for one in value)


def install_job(plan: Plan) -> CallJob:
    """A job that installs the downloads of a plan. A job that is stopped while it downloads has changed
    nothing."""
    arguments = {
        "packages": [f"{one.name}=={one.version}" for one in plan.downloads],
        "wheels": None if plan.wheels is None else str(plan.wheels),
    }
    return CallJob("SegAELib.app.dependencies:install_downloads", arguments, _MESSAGES)


def verify_job(required: dict[str, str] = REQUIRED) -> CallJob:
    """A job that imports the packages, as one that is installed may still be broken."""
    names = [_module(name) for name in required]
    return CallJob("segae.jobs.calls:import_modules", {"names": names}, _MESSAGES)


# In the child


def find_downloads(
    watch: Watch, requirements: list[str], kept: list[str], wheels: str | None, advice: str
) -> list[tuple[str, str, int | None]]:
    """(name, version, bytes) of all that pip would install for `requirements` while `kept` stay as they are.
    Raises `InputError` with pip's reason and `advice`."""
    watch.step("asking pip", 0, 0)
    with tempfile.TemporaryDirectory() as folder:
        report, constraints = Path(folder) / "report.json", Path(folder) / "constraints.txt"
        constraints.write_text("\n".join(kept), encoding="utf-8")
        words = ["install", "--dry-run", "--report", str(report), "--constraint", str(constraints)]
        _pip(watch, [*words, "--only-binary", ":all:", *_source(wheels), *requirements], advice)
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    downloads = []
    for done, one in enumerate(found):
        watch.step("asking for sizes", done, len(found))
        downloads.append((one["metadata"]["name"], one["metadata"]["version"], _size(one["download_info"])))
    return downloads


def install_downloads(watch: Watch, packages: list[str], wheels: str | None) -> None:
    """Fetch all of them, then install them in one go. Raises `InputError` with pip's reason."""
    again = "nothing was changed; try again"
    with tempfile.TemporaryDirectory() as folder:
        for done, package in enumerate(packages if wheels is None else ()):
            watch.step("downloading", done, len(packages))
            words = ["download", "--no-deps", "--only-binary", ":all:", "--dest", folder, package]
            _pip(watch, words, again)
        watch.step("installing", 0, 0)
        _pip(watch, ["install", "--no-deps", *_source(wheels or folder), *packages], "try again")


def _source(wheels: str | None) -> list[str]:
    return [] if wheels is None else ["--no-index", "--find-links", wheels]


def _pip(watch: Watch, arguments: list[str], advice: str) -> None:
    quiet = ["--disable-pip-version-check", "--no-input", "--timeout", "15", "--retries", "1"]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = run_program(watch, "pip", [*arguments, *quiet])
    print(said.getvalue(), file=sys.stderr)
    if code:
        errors = re.findall(r"^ERROR: (.+)$", said.getvalue(), re.MULTILINE) or [f"code {code}"]
        raise InputError(f"pip could not do it ({errors[-1].strip().rstrip('.')}); {advice}.")


def _size(download: dict[str, Any]) -> int | None:
    """Bytes of a wheel, without fetching it."""
    url = download["url"]
    try:
        if url.startswith("file:"):
            return Path(urllib.request.url2pathname(url.partition("//")[2])).stat().st_size
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=5) as answer:
            return int(answer.headers["Content-Length"])
    except (URLError, OSError, TypeError, ValueError):  # an index that tells no sizes
        return None


def _torch_in(missing: Sequence[PackageState]) -> bool:
    return any(state.name in _FROM_PYTORCH_EXTENSION for state in missing)


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
