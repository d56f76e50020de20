"""Looking for packages, finding out what an installation takes, and installing; pip and the children are
real, the PyTorch extension is not."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from panel_views import in_view

from segae.errors import InputError, OutputError
from segae.jobs.calls import CallJob
from segae.progress import Step, Watch
from SegAELib.app.dependencies import (
    DependencyError,
    Download,
    PackageState,
    Plan,
    downloads_from,
    explain_missing,
    install_job,
    install_torch,
    missing_packages,
    package_states,
    plan_of,
    verify_job,
    wheel_command,
)

TORCH = PackageState("torch", "2.1", None)
TORCHVISION = PackageState("torchvision", "0.16", None)
SAFETENSORS = PackageState("safetensors", "0.4", None)


@dataclass
class Extension:
    """Stands for the PyTorch extension, and notes what is asked of it."""

    agrees: bool = True
    calls: list[dict[str, Any]] = field(default_factory=list)

    def installTorch(self, **options: Any) -> object | None:  # noqa: N802
        self.calls.append(options)
        return object() if self.agrees else None


def make_wheel(folder: Path, name: str, version: str, *needs: str) -> Path:
    """A wheel file with an empty package that needs others."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", "")
        about = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        about += [f"Requires-Dist: {need}" for need in needs]
        wheel.writestr(f"{info}/METADATA", "\n".join(about) + "\n")
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


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that pip can reach: a package that needs another, in two versions. pip installs into `target`."""
    folder = tmp_path / "an index"
    folder.mkdir()
    for version in ("1.0", "1.2"):
        make_wheel(folder, "segae_fake_a", version, "segae_fake_b>=0.2")
    make_wheel(folder, "segae_fake_b", "0.3")
    make_wheel(folder, "segae_fake_c", "1.0", "numpy<1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "target"))
    return folder


A = PackageState("segae_fake_a", "1.1", None)


def planned(*missing: PackageState, wheels: Path | None = None) -> Plan:
    job = plan_of(missing, wheels)
    assert isinstance(job, CallJob)
    return Plan(downloads_from(job.run()), wheels=wheels)


def test_what_and_how_much_is_known_before_anything_is_installed(index: Path, tmp_path: Path) -> None:
    plan = planned(A)
    sizes = {name: (index / f"{name}-py3-none-any.whl").stat().st_size for name in
             ("segae_fake_a-1.2", "segae_fake_b-0.3")}  # fmt: skip
    assert set(plan.downloads) == {
        Download("segae_fake_a", "1.2", sizes["segae_fake_a-1.2"]),
        Download("segae_fake_b", "0.3", sizes["segae_fake_b-0.3"]),
    }
    said = plan.question()
    assert said.startswith("2 packages will be installed, 1 MB to download: segae_fake_")
    assert not (tmp_path / "target").exists()


def test_an_index_that_tells_no_sizes_gives_a_lower_bound() -> None:
    said = Plan((Download("a", "1", 5_000_000), Download("b", "2", None))).question()
    assert said == "2 packages will be installed, at least 5 MB to download: a 1, b 2."
    assert "1 package will be installed, 2.1 GB" in Plan((Download("a", "1", 2_100_000_000),)).question()


def test_a_plan_is_installed_in_a_child_that_tells_how_far_it_is(index: Path, tmp_path: Path) -> None:
    steps: list[Step] = []
    install_job(planned(A)).run(Watch(steps.append))
    target = tmp_path / "target"
    assert (target / "segae_fake_a" / "__init__.py").is_file() and (target / "segae_fake_b").is_dir()
    assert Step("downloading", 1, 2) in steps and steps[-1].stage == "installing"


def test_a_download_that_fails_changes_nothing(index: Path, tmp_path: Path) -> None:
    plan = planned(A)
    for wheel in index.glob("segae_fake_b*"):
        wheel.unlink()
    with pytest.raises(InputError, match=r"pip could not do it .*segae_fake_b.*nothing was changed"):
        install_job(plan).run()
    assert not (tmp_path / "target").exists()


def test_what_the_application_brings_along_is_never_replaced(index: Path) -> None:
    with pytest.raises(InputError, match="pip could not do it"):
        planned(PackageState("segae_fake_c", "1.0", None))


def test_without_an_index_the_way_with_wheel_files_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(
        InputError, match=r"pip could not do it .* choose a folder with wheel files"
    ) as caught:
        planned(SAFETENSORS, PackageState("no_such_package_of_anyone", "1.0", None))
    assert "pip download" in str(caught.value) and "\n" not in str(caught.value)


def test_torch_comes_through_the_pytorch_extension() -> None:
    extension = Extension()
    plan = plan_of([TORCH, TORCHVISION, SAFETENSORS], extension=lambda: extension)
    assert isinstance(plan, Plan) and plan.through_extension
    said = plan.question()
    assert "200 MB" in said and "cannot be used until that is done" in said and "minutes" in said
    assert extension.calls == []
    install_torch(lambda: extension)
    assert extension.calls == [
        {
            "askConfirmation": False,
            "torchVersionRequirement": ">=2.1",
            "torchvisionVersionRequirement": ">=0.16",
        }
    ]
    with pytest.raises(DependencyError, match="was not installed"):
        install_torch(lambda: Extension(agrees=False))


@pytest.mark.parametrize(
    "error", [subprocess.CalledProcessError(1, ["light_the_torch"]), ImportError("no light_the_torch")]
)
def test_an_installation_of_torch_that_fails_is_said_with_its_reason(error: Exception) -> None:
    class Failing:
        def installTorch(self, **_options: Any) -> Any:  # noqa: N802 (the extension's name)
            raise error

    with pytest.raises(DependencyError, match=r"could not install torch \(.+\); check internet"):
        install_torch(Failing)


def test_without_the_pytorch_extension_that_is_said_before_anything_is_asked() -> None:
    with pytest.raises(DependencyError, match="Extensions Manager"):
        plan_of([TORCH, SAFETENSORS])


def test_an_old_torch_is_not_overwritten() -> None:
    with pytest.raises(DependencyError, match=r"torch 1\.13 is too old .* PyTorch Utils"):
        plan_of([PackageState("torch", "2.1", "1.13"), SAFETENSORS])


def test_wheels_of_a_folder_are_installed_without_network(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS")
    plan = planned(A, wheels=index)
    assert "1 MB of files" in plan.question()
    install_job(plan).run()
    assert (tmp_path / "target" / "segae_fake_a" / "__init__.py").is_file()


def test_a_folder_without_the_wheels_is_refused_with_the_command_that_fills_it(tmp_path: Path) -> None:
    make_wheel(tmp_path, "torch", "2.5")
    with pytest.raises(DependencyError, match="no wheel file of torchvision and safetensors") as caught:
        plan_of([TORCH, TORCHVISION, SAFETENSORS], tmp_path)
    assert wheel_command([TORCH, TORCHVISION, SAFETENSORS]) in str(caught.value)


def test_the_packages_are_imported_in_a_child_and_its_reason_is_told() -> None:
    verify_job({"json": "0", "numpy": "0"}).run()
    with pytest.raises(InputError, match="No module named 'no_such_package'"):
        verify_job({"json": "0", "no-such-package": "0"}).run()


def test_a_python_that_cannot_be_started_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segae.jobs.calls.python_executable", lambda: str(tmp_path / "PythonSlicer"))
    with pytest.raises(OutputError, match=r"cannot be started \(.*PythonSlicer"):
        verify_job({"json": "0"}).run()


def test_the_button_says_what_it_will_do() -> None:
    said = explain_missing([TORCH, TORCHVISION, SAFETENSORS])
    assert said.startswith("Scoring needs torch, torchvision and safetensors.")
    assert "PyTorch extension" in said
    assert "PyTorch extension" not in explain_missing([SAFETENSORS]), "only where that is true"


# The section of the panels ----------------------------------------------------------------------------------


@pytest.fixture
def section(panel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The section of the panel, when the package is missing that `index` holds."""
    target = tmp_path / "target"
    monkeypatch.setenv("PYTHONPATH", str(target))
    monkeypatch.syspath_prepend(str(target))
    required = {A.name: A.minimum}
    panel.context.missing = missing_packages(required)
    panel.packages.need(required, "Testing")
    return panel.packages


def test_the_button_asks_first_and_installs_when_it_is_pressed_again(
    panel: Any, bed: Any, index: Path, tmp_path: Path, section: Any
) -> None:
    ui = panel.ui
    assert ui.packagesLabel.text.startswith("Testing needs segae_fake_a.")
    ui.installButton.click()
    assert ui.packagesBar.visible and not ui.installButton.visible
    bed.wait_until(lambda: not section.busy, 60)
    assert ui.packagesLabel.text.startswith("2 packages will be installed, 1 MB to download")
    assert not (tmp_path / "target").exists()
    assert ui.installButton.visible and ui.installButton.text == "Install this"
    ui.installButton.click()
    bed.wait_until(lambda: not section.busy, 120)
    assert panel.messages.text == "Everything is installed."
    assert (tmp_path / "target" / "segae_fake_a").is_dir()
    assert not ui.installButton.visible and not ui.packagesBar.visible


def test_no_to_the_question_leaves_everything_as_it_was(
    panel: Any, bed: Any, index: Path, tmp_path: Path, section: Any
) -> None:
    ui = panel.ui
    ui.installButton.click()
    bed.wait_until(lambda: not section.busy, 60)
    ui.cancelInstallButton.click()
    assert ui.packagesLabel.text.startswith("Testing needs segae_fake_a.")
    assert ui.installButton.text == "Install what is missing..."
    assert not (tmp_path / "target").exists() and not ui.cancelInstallButton.visible


def test_what_pip_refuses_is_said(panel: Any, bed: Any, index: Path, section: Any) -> None:
    for wheel in index.glob("segae_fake_b*"):
        wheel.unlink()
    panel.ui.installButton.click()
    bed.wait_until(lambda: not section.busy, 60)
    assert "pip could not do it" in panel.messages.text
    assert panel.ui.installButton.visible


def test_rank_asks_for_what_is_missing_where_the_click_was(
    loaded: Any, bed: Any, index: Path, tmp_path: Path, section: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    required, ui = {A.name: A.minimum}, loaded.ui
    monkeypatch.setattr("SegAELib.app.context.REQUIRED", required)
    ui.rankButton.click()
    assert not loaded.scoring.running and ui.packagesBar.visible
    bed.wait_until(lambda: not section.busy, 60)
    bed.process_events(0.1)
    assert ui.packagesLabel.text.startswith("2 packages will be installed, 1 MB to download")
    assert "see the question below" in loaded.messages.text
    assert in_view(ui.packagesLabel) and in_view(ui.installButton)
    assert ui.rankButton.y < ui.packagesSection.y < ui.resultsSection.y
    assert not (tmp_path / "target").exists(), "nothing is installed before the answer"
    ui.installButton.click()
    bed.wait_until(lambda: not section.busy, 120)
    assert (tmp_path / "target" / "segae_fake_a").is_dir()
