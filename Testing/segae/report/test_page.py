"""The page of a data set, opened from disk in a real Chromium."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from flat_rows import FlatRow, report_from_rows
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from segae.data import Segmentation, Volume
from segae.finding import Finding
from segae.report.opening import itksnap_command, mask_file, slicer_command
from segae.report.page.contents import Contents, gather
from segae.report.page.write import PageExtras, write_page
from segae.report.slice_picture import thumbnail
from segae.results.types import CaseReport, ModelIdentity, SegmentResult, SliceResult

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
HOSTILE = "</script><img src=x onerror=alert(1)> 'a' \"b\" $c & {{ 7 * 7 }}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    assert found, (
        "the page is tested in a browser: install chromium (Testing/system-packages.sh does as root)"
    )
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found[0], args=["--no-sandbox"])
        yield started
        started.close()


Open = Callable[[Path], Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens a page without a network; messages in the console, requests and errors fail the test."""
    context = browser.new_context(offline=True, viewport={"width": 1300, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    trouble: list[str] = []

    def open_file(path: Path) -> Page:
        shown = context.new_page()

        def on_console(message: ConsoleMessage) -> None:
            trouble.append(f"{message.type}: {message.text}")

        shown.on("console", on_console)
        shown.on("pageerror", lambda error: trouble.append(str(error)))
        shown.on("dialog", lambda dialog: trouble.append(dialog.message))
        shown.goto(path.as_uri())
        shown.on("request", lambda request: trouble.append(request.url))
        return shown

    yield open_file
    context.close()
    assert trouble == []


def case_report(case: str, dice: dict[str, float], ct: str = "ct.nii.gz", **more) -> CaseReport:
    """Masks with two slices each, the second the worse one."""
    rows = [
        FlatRow(name, 13 + n, name, k, 1.0, -2.0, 3.0 * k, 900.0, one - 0.1 * k)
        for n, (name, one) in enumerate(dice.items())
        for k in range(2)
    ]
    extents = [SegmentResult(name, 13 + n, name, 600, 5.4) for n, name in enumerate(dice)]
    return report_from_rows(rows, extents, case=case, ct=ct, **more)


@pytest.fixture
def reports() -> list[CaseReport]:
    doubt = Finding("NAME_DOUBTFUL", "warning", "The mask liver looks like spleen.", ("liver",))
    return [
        case_report("s0001", {"liver": 0.95, "spleen": 0.4}),
        case_report("s0002", {"liver": 0.3, "spleen": 0.9}, findings=[doubt]),
        case_report("t0003", {"liver": 0.92}),
    ]


@pytest.fixture
def pictures(sample_ct: Volume, few_organs: Segmentation) -> list[bytes]:
    spleen = next(one for one in few_organs.segments if one.name == "spleen")
    return [thumbnail(sample_ct, spleen, "spleen", k, "#e8322b", None) for k in (8, 14)]


@pytest.fixture
def page(reports: list[CaseReport], pictures: list[bytes], tmp_path: Path) -> Path:
    extras = PageExtras([("s0004", "Its CT is empty.")], dict(enumerate(pictures)), ["A note."])
    return write_page(gather(reports), extras, "my data", tmp_path / "report.html")


def cells(shown: Page, column: int) -> list[str]:
    return shown.locator(f"#table tbody td:nth-child({column})").all_inner_texts()


def listed(shown: Page) -> list[tuple[str, str]]:
    """Case and mask of the rows."""
    return list(zip(cells(shown, 2), cells(shown, 3), strict=True))


def test_it_shows_counts_charts_pictures_masks_in_review_order_and_everything_else(
    page: Path, open_page: Open
):
    shown = open_page(page)
    assert shown.locator("h1").inner_text() == "my data"
    names, values = (shown.locator(f".facts {tag}").all_inner_texts() for tag in ("dt", "dd"))
    facts = dict(zip(names, values, strict=True))
    assert (facts["cases"], facts["masks"], facts["masks to review"]) == ("3", "5", "2")
    assert facts["cases without scores"] == "1"
    assert shown.locator(".note").all_inner_texts() == ["A note."]
    assert listed(shown)[:2] == [("s0002", "liver"), ("s0001", "spleen")]
    assert len(listed(shown)) == 5
    assert cells(shown, 4)[:3] == ["poor", "poor", "fine"]
    assert cells(shown, 5)[0] == "0.25"
    assert cells(shown, 8)[0] == "k = 1"
    assert cells(shown, 9)[0] == "masks"
    assert shown.locator(".card b").all_inner_texts() == ["1. liver", "2. spleen"]
    assert shown.locator(".card img").evaluate_all("all => all.map(one => one.naturalWidth)") == [260, 260]
    assert shown.locator("#chart-verdicts .point").count() == 2
    assert shown.locator("#chart-structures .box").count() == 2
    assert "The mask liver looks like spleen." in shown.locator("#names").inner_text()
    assert "NAME_DOUBTFUL" in shown.locator("#findings").inner_text()
    assert "Its CT is empty." in shown.locator("#failures").inner_text()


def test_filters_choose_by_structure_verdict_and_case_and_are_cleared(page: Path, open_page: Open):
    shown = open_page(page)
    shown.select_option("#filter-structure", "liver")
    assert listed(shown) == [("s0002", "liver"), ("t0003", "liver"), ("s0001", "liver")]
    assert shown.locator(".card b").all_inner_texts() == ["1. liver"]
    shown.select_option("#filter-verdict", "fine")
    assert listed(shown) == [("t0003", "liver"), ("s0001", "liver")]
    shown.fill("#filter-case", "T00")
    assert listed(shown) == [("t0003", "liver")]
    assert shown.locator("#shown").inner_text() == "1 of 5 masks"
    shown.fill("#filter-case", "nowhere")
    assert shown.locator("#shown").inner_text() == "0 of 5 masks: no mask fits these filters"
    shown.click("#filter-clear")
    assert len(listed(shown)) == 5
    shown.select_option("#filter-verdict", "review")
    assert listed(shown) == [("s0002", "liver"), ("s0001", "spleen")]


def test_a_click_on_a_chart_filters_by_what_was_clicked(page: Path, open_page: Open):
    shown = open_page(page)
    shown.locator("#chart-verdicts .point").first.click(force=True)
    assert shown.locator("#filter-verdict").input_value() == "poor"
    assert len(listed(shown)) == 2


@pytest.mark.parametrize("is_series", [False, True])
def test_the_copied_command_is_the_one_that_python_builds_whatever_the_path(
    open_page: Open, tmp_path: Path, is_series: bool, umlaut: str
):
    folder = tmp_path / f'it\'s "my" $d{umlaut}ta & more' / "segmentations"
    folder.mkdir(parents=True)
    (folder / "liver.nii.gz").touch()
    ct = folder.parent / ("series" if is_series else "ct.nii.gz")
    ct.mkdir() if is_series else ct.touch()
    report = case_report("a", {"liver": 0.5}, str(ct), segmentation=str(folder))
    shown = open_page(write_page(gather([report]), PageExtras(), "a", tmp_path / "report.html"))
    assert cells(shown, 9) == [str(folder / "liver.nii.gz")]
    shown.click("#table .copy")
    shown.wait_for_function("document.querySelector('#command span').textContent.startsWith('Copied')")
    command = shown.evaluate("navigator.clipboard.readText()")
    assert command == slicer_command(str(ct), str(folder / "liver.nii.gz"), (1.0, -2.0, 3.0))
    program, option, code = shlex.split(command)
    assert (program, option) == ("Slicer", "--python-code")
    compile(code, "code", "exec")


def test_names_from_files_are_shown_as_text_and_run_nothing(open_page: Open, tmp_path: Path):
    finding = Finding("UNKNOWN_NAME", "warning", HOSTILE, (HOSTILE,))
    report = case_report(HOSTILE, {HOSTILE: 0.5}, HOSTILE, findings=[finding])
    extras = PageExtras([(HOSTILE, HOSTILE)], {}, [HOSTILE])
    shown = open_page(write_page(gather([report]), extras, HOSTILE, tmp_path / "report.html"))
    assert listed(shown) == [(HOSTILE, HOSTILE)]
    assert shown.locator("h1").inner_text() == HOSTILE
    assert shown.locator("img").count() == 0
    shown.select_option("#filter-structure", HOSTILE)
    assert len(listed(shown)) == 1


def many(n_cases: int) -> Iterator[CaseReport]:
    """Cases of 117 masks with paths of a usual length."""
    model = ModelIdentity("starter", "0a" * 32, "segae-dense")
    for n in range(n_cases):
        folder = f"/data/curation/TotalsegmentatorDataset_v201/s{n:04}"
        segments = tuple(
            SegmentResult(
                f"structure_number_{k}", k, f"structure number {k}", 1000, 9.0,
                (SliceResult(k, 123.4, -56.7, 89.1, 1.5, 900.0, 0.5, 0.5),),
                predicted_dice=((n * 117 + k) % 1000) / 1000, interval_low=0.123, interval_high=0.987,
                verdict="poor" if k % 9 == 0 else "fine", wrong_ml=(n * k) % 977 + 0.37,
            )
            for k in range(117)
        )  # fmt: skip
        yield CaseReport(f"s{n:04}", f"{folder}/ct.nii.gz", f"{folder}/segmentations", model, segments)


def test_a_thousand_cases_take_less_than_30_mb_and_are_filtered(
    open_page: Open, pictures: Sequence[bytes], tmp_path: Path
):
    contents = gather(many(1000))
    extras = PageExtras([], {n: pictures[n % 2] for n in range(60)})
    path = write_page(contents, extras, "many", tmp_path / "report.html")
    assert path.stat().st_size < 30e6
    shown = open_page(path)
    assert shown.locator("#shown").inner_text() == "117,000 of 117,000 masks"
    assert len(listed(shown)) == 100
    shown.click("#more")
    assert len(listed(shown)) == 200
    shown.fill("#filter-case", "s0999")
    assert shown.locator("#shown").inner_text() == "117 of 117,000 masks"


def test_of_more_masks_than_the_page_lists_all_are_counted_and_that_is_said(tmp_path: Path):
    contents = gather(many(2), most=50)
    assert (len(contents.masks), contents.n_masks, sum(contents.verdicts.values())) == (50, 234, 234)
    assert all(one.needs_review for one in contents.masks[:26])
    text = write_page(contents, PageExtras(), "many", tmp_path / "report.html").read_text("utf-8")
    assert "The table lists the first 50 of 234 masks in review order" in text


def test_the_page_needs_no_other_file_and_no_network(page: Path):
    text = page.read_text("utf-8")
    assert not re.findall(r'<(?:script|img|link|iframe)[^>]+(?:src|href)="(?!data:)', text)


def test_a_page_without_any_mask_opens(open_page: Open, tmp_path: Path):
    empty = report_from_rows([], case="nothing")
    shown = open_page(write_page(gather([empty]), PageExtras(), "nothing", tmp_path / "report.html"))
    assert shown.locator("#shown").inner_text() == "0 of 0 masks: no mask fits these filters"


def test_contents_of_no_reports_are_empty():
    assert gather([]) == Contents()


def test_the_file_of_a_mask_is_found_in_a_folder_of_masks_only(tmp_path: Path):
    for name in ("liver.nii.gz", "a.b.nrrd", ".hidden.nii.gz"):
        (tmp_path / name).touch()
    folder = str(tmp_path)
    assert mask_file(folder, "liver") == str(tmp_path / "liver.nii.gz")
    assert mask_file(folder, "a.b") == str(tmp_path / "a.b.nrrd")
    assert mask_file(folder, "spleen") == folder
    assert mask_file(str(tmp_path / "liver.nii.gz"), "spleen") == str(tmp_path / "liver.nii.gz")
    assert shlex.split(itksnap_command("my ct.nii", "m.nii")) == ["itksnap", "-g", "my ct.nii", "-s", "m.nii"]
