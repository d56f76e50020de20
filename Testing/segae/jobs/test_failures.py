"""Errors and exit codes become a sentence, or stay errors."""

from __future__ import annotations

import signal

import pytest

from segae.errors import InputError, ModelError, OutputError, SegAEError
from segae.jobs.process import explain_exit
from segae.jobs.tasks import MissingPackage, failure


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InputError("a sentence"), "input"),
        (ModelError("a sentence"), "model"),
        (OutputError("a sentence"), "output"),
        (MissingPackage("a sentence"), "dependency"),
        (SegAEError("a sentence"), "memory"),
    ],
)
def test_errors_of_segae_keep_their_sentence(error: SegAEError, kind: str) -> None:
    assert (failure(error).kind, failure(error).sentence) == (kind, "a sentence")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA error: out of memory"),
    ],
)
def test_memory_that_runs_out_is_said(error: Exception) -> None:
    assert failure(error).kind == "memory"


def test_a_fault_of_ours_stays_an_error() -> None:
    with pytest.raises(RuntimeError, match="shapes do not match"):
        failure(RuntimeError("shapes do not match"))


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (-signal.SIGKILL, "memory", "memory ran out"),
        (128 + signal.SIGKILL, "memory", "memory ran out"),
        (-signal.SIGSEGV, "crash", "SIGSEGV"),
        (128 + signal.SIGABRT, "crash", "SIGABRT"),
        (0xC0000005, "crash", "access violation"),
        (1, "crash", "code 1 (ValueError: odd)"),
        (0, "crash", "code 0"),
    ],
)
def test_exit_codes_are_explained(code: int, kind: str, words: str) -> None:
    failed = explain_exit(code, "Traceback ...\nValueError: odd\n")
    assert failed.kind == kind and words in failed.sentence
    assert failed.details.startswith("Traceback")
