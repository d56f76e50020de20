"""Options and arguments that are wrong, help, `segae name`, and what ends a command from outside."""

from __future__ import annotations

import sys

import pytest

import segae as package


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("scroe",), "No such command 'scroe'"),
        (("score",), "Missing argument 'CT'"),
        (("score", "ct.nii.gz"), "Missing argument 'MASKS'"),
        (("score", "a", "b", "--slcies", "3"), "No such option: --slcies"),
        (("score", "a", "b", "--slices", "ten"), "Invalid value for '--slices'"),
        (("score", "a", "b", "--threshold", "7"), "Invalid value for '--threshold'"),
        (("score", "a", "b", "--palette", "pink"), "Invalid value for '--palette'"),
        (("batch", "data"), "Missing option '--out'"),
        (("batch", "data", "--out", "o", "--num-parts", "0"), "Invalid value for '--num-parts'"),
        (("merge",), "Missing argument 'FOLDER'"),
        (("name",), "Missing argument 'NAME'"),
        (("model", "info"), "Missing argument 'MODEL'"),
        (("model", "import", "weights.pth"), "Missing option '--embeddings'"),
    ],
)
def test_wrong_usage_ends_with_two_says_what_is_wrong_and_where_help_is(segae, arguments, said: str):
    ended = segae(*arguments)
    assert (ended.code, ended.out) == (2, "")
    lines = ended.err.splitlines()
    assert said in " ".join(ended.err.split())
    assert lines[0].startswith("Usage: segae ")
    assert "-h' for help." in lines[1]
    assert max(map(len, lines)) <= 80
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("command", ["score", "batch", "merge", "name", "model"])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_has_help_in_eighty_columns(segae, command: str, flag: str):
    ended = segae(command, flag)
    assert (ended.code, ended.err) == (0, "")
    assert f"Usage: segae {command} " in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


def test_without_arguments_the_commands_are_listed(segae):
    ended = segae()
    assert all(
        f" {command} " in ended.out + ended.err for command in ("score", "batch", "merge", "name", "model")
    )


def test_the_version_is_printed(segae):
    assert segae("--version").out == f"{package.__version__}\n"


@pytest.mark.parametrize(
    ("query", "answer"),
    [("L1", "62 vertebrae L1"), ("rib 7 left", "costa 7 left"), ("spleen", "spleen")],
)
def test_name_says_what_a_name_is_taken_for_and_why(segae, query: str, answer: str):
    ended = segae("name", query)
    assert (ended.code, ended.err) == (0, "")
    assert answer in ended.out
    assert ": " in ended.out


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("kidney", "'kidney' may mean 'kidney left' or 'kidney right'; name one of them."),
        ("lver", "'lver' is not in the label table (nearest: 'liver')"),
        ("[red]", "'[red]' is not in the label table"),
        ("999", "999"),
    ],
)
def test_a_name_that_stands_for_nothing_or_for_two_is_refused(segae, query: str, line: str):
    assert line in segae("name", query).refusal()


def test_a_missing_package_is_named_with_the_way_to_get_it(segae, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "segae.labels.resolver", None)
    monkeypatch.delitem(sys.modules, "rich.console", raising=False)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert 'the package rich.console is missing; install it with pip install "segae[cli]".' in (
        segae("name", "liver").refusal()
    )


def test_an_interruption_ends_with_130_and_one_line(segae, monkeypatch: pytest.MonkeyPatch):
    def interrupted(_query: str, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("segae.labels.resolver.resolve", interrupted)
    ended = segae("name", "liver")
    assert (ended.code, ended.out) == (130, "")
    assert ended.err == "segae: stopped; what was finished before is kept.\n"


def test_a_file_that_the_system_refuses_is_named(segae, monkeypatch: pytest.MonkeyPatch):
    def refused(_query: str, **_more: object) -> None:
        raise PermissionError(13, "Permission denied", "/data/liver.nii.gz")

    monkeypatch.setattr("segae.labels.resolver.resolve", refused)
    line = segae("name", "liver").refusal()
    assert line == "segae: /data/liver.nii.gz: Permission denied; check its path and permissions."
