"""Who is trained, validated and tested on: whole patients, drawn by a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from segae.errors import InputError


@dataclass(frozen=True)
class Shares:
    """Parts of the patients; what is neither validated nor tested on is trained on."""

    val: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        if not (0 < self.val < 1 and 0 <= self.test < 1 and self.val + self.test < 1):
            raise InputError(
                f"The shares {self.val:g} for validation and {self.test:g} for testing leave nothing to "
                "train on or nothing to validate on; give parts of 1 such as 0.1 and 0.1."
            )


def split_by_patient(patients: Iterable[str], shares: Shares, seed: int) -> dict[str, str]:
    """ "train", "val" or "test" for every patient.

    Patients are sorted by the SHA-256 of seed and name, so that the split depends neither on the order of
    files nor on the platform, and one more patient moves a few others at most. At least one patient is
    trained and one validated on; with three or more, at least one is tested on unless `shares.test` is 0.
    Raises `InputError` for fewer than two patients.
    """
    order = sorted(set(patients), key=lambda patient: hashlib.sha256(f"{seed}:{patient}".encode()).digest())
    if len(order) < 2:
        raise InputError(
            f'All scans are of one patient ("{order[0]}"), so that none is left to validate on; add others.'
            if order
            else "There is no scan to split; add scans."
        )
    n_val = max(1, round(shares.val * len(order)))
    n_test = max(1, round(shares.test * len(order))) if shares.test and len(order) > 2 else 0
    n_test = min(n_test, len(order) - n_val - 1)
    val, test = set(order[:n_val]), set(order[n_val : n_val + n_test])
    return {p: "val" if p in val else "test" if p in test else "train" for p in sorted(order)}
