"""Looking for packages and installing them; pip and the child are real, the application's part is not."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from SegAELib.app.dependencies import (
    DependencyError,
    InstallTools,
    PackageState,
    explain_missing,
    install,
    missing_packages,
    package_states,
    reaches_index,
    verify,
    wheel_command,
)

TORCH = PackageState("torch", "2.1", None)
TORCHVISION = PackageState("torchvision", "0.16", None)
SAFETENSORS = PackageState("safetensors", "0.4", None)


@dataclass
class Application:
    """Stands for Slicer with or without the PyTorch extension, and notes what is asked of it."""

    online: bool = True
    extension: bool = True
    agrees: bool = True
    pip_fails: bool = False
    torch_calls: list[dict[str, Any]] = field(default_factory=list)
    pip_calls: list[list[str]] = field(default_factory=list)
    verified: list[str] = field(default_factory=list)

    def tools(self) -> InstallTools:
        return InstallTools(self.torch_installer, self.pip_install, lambda: self.online, self.verified.extend)

    def torch_installer(self) -> Application:
        if not self.extension:
            raise ModuleNotFoundError("No module named 'PyTorchUtils'")
        return self

    def installTorch(self, **options: Any) -> object | None:  # noqa: N802
        self.torch_calls.append(options)
        return object() if self.agrees else None

    def pip_install(self, arguments: list[str]) -> None:
        self.pip_calls.append(arguments)
        if self.pip_fails:
            raise subprocess.CalledProcessError(1, arguments)


def make_wheel(folder: Path, name: str, version: str) -> Path:
    """A wheel file with an empty package."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def test_looking_tells_versions_and_imports_nothing() -> None:
    code = (
        "import sys; from SegAELib.app.dependencies import package_states; "
        "print(*(state.installed for state in package_states())); "
        "sys.exit('torch' in sys.modules or 'safetensors' in sys.modules)"
    )
    paths = f"import sys; sys.path[:0] = {[path for path in sys.path if path]!r}; "
    done = subprocess.run([sys.executable, "-c", paths + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [state.installed for state in package_states()]
    assert missing_packages() == ()


def test_a_package_of_which_only_the_metadata_is_left_counts_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "half_removed-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: half_removed\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    (state,) = package_states({"half_removed": "0.5"})
    assert state.installed is None


@pytest.mark.parametrize(
    ("installed", "minimum", "too_old"),
    [("1.13.1+cu117", "2.1", True), ("2.1", "2.1", False), ("2.10.0a0", "2.9", False), (None, "2.1", False)],
)
def test_versions_are_compared_by_number(installed: str | None, minimum: str, too_old: bool) -> None:
    assert PackageState("torch", minimum, installed).is_too_old is too_old


def test_torch_comes_from_the_pytorch_extension_and_the_rest_from_pip() -> None:
    application = Application()
    install(application.tools(), [TORCH, TORCHVISION, SAFETENSORS], ask=False)
    assert application.torch_calls == [
        {
            "askConfirmation": False,
            "torchVersionRequirement": ">=2.1",
            "torchvisionVersionRequirement": ">=0.16",
        }
    ]
    assert application.pip_calls == [["safetensors>=0.4"]]
    assert application.verified == ["torch", "torchvision", "safetensors"]


def test_only_what_is_missing_is_installed() -> None:
    application = Application()
    install(application.tools(), [SAFETENSORS])
    assert application.torch_calls == [] and application.pip_calls == [["safetensors>=0.4"]]


@pytest.mark.parametrize(
    ("application", "words", "offer"),
    [
        (Application(online=False), "cannot reach its package index", True),
        (Application(extension=False), "Extensions Manager", True),
        (Application(agrees=False), "was not installed", False),
        (Application(pip_fails=True), "pip ended with code 1", True),
    ],
)
def test_what_keeps_it_from_installing_is_said(application: Application, words: str, offer: bool) -> None:
    with pytest.raises(DependencyError, match=words) as caught:
        install(application.tools(), [TORCH, TORCHVISION, SAFETENSORS])
    assert caught.value.offer_wheels is offer
    assert "\n" not in str(caught.value)
    if not application.online:
        assert application.torch_calls == application.pip_calls == []
        assert "pip download" in str(caught.value)


def test_an_old_torch_is_not_overwritten() -> None:
    application = Application()
    with pytest.raises(DependencyError, match=r"torch 1\.13 is too old .* PyTorch Utils"):
        install(application.tools(), [PackageState("torch", "2.1", "1.13"), SAFETENSORS])
    assert application.torch_calls == application.pip_calls == []


def test_wheels_of_a_folder_are_installed_without_network(tmp_path: Path) -> None:
    wheels, target = tmp_path / "wheels with spaces", tmp_path / "target"
    wheels.mkdir()
    make_wheel(wheels, "safetensors", "9.9")

    def pip_install(arguments: list[str]) -> None:
        quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--target", str(target)]
        subprocess.run([sys.executable, "-m", "pip", "install", *quiet, *arguments], check=True)

    application = Application(online=False, extension=False)
    tools = InstallTools(application.torch_installer, pip_install, lambda: False, application.verified.extend)
    install(tools, [SAFETENSORS], wheels=wheels)
    assert (target / "safetensors" / "__init__.py").is_file()


def test_a_folder_without_the_wheels_is_refused_with_the_command_that_fills_it(tmp_path: Path) -> None:
    application = Application()
    make_wheel(tmp_path, "torch", "2.5")
    with pytest.raises(DependencyError, match="no wheel file of torchvision and safetensors") as caught:
        install(application.tools(), [TORCH, TORCHVISION, SAFETENSORS], wheels=tmp_path)
    assert wheel_command([TORCH, TORCHVISION, SAFETENSORS]) in str(caught.value)
    assert application.pip_calls == []


def test_the_packages_are_imported_in_a_child_and_its_reason_is_told() -> None:
    verify(["json", "numpy"])
    with pytest.raises(DependencyError, match="No module named 'no_such_package'"):
        verify(["json", "no_such_package"])


def test_a_python_that_cannot_be_started_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segae.jobs.calls.python_executable", lambda: str(tmp_path / "PythonSlicer"))
    with pytest.raises(DependencyError, match=r"cannot be started \(.*PythonSlicer"):
        verify(["json"])


def test_whether_pip_reaches_its_index_follows_pips_own_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert not reaches_index()
    make_wheel(tmp_path, "safetensors", "9.9")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert reaches_index()


def test_the_button_says_what_it_will_do() -> None:
    said = explain_missing([TORCH, TORCHVISION, SAFETENSORS])
    assert said.startswith("Scoring needs torch, torchvision and safetensors.")
    assert "PyTorch extension" in said
