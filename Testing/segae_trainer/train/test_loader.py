"""Processes that render batches."""

from __future__ import annotations

import os

from torch.utils.data import Dataset

from segae_trainer.train.batches import Draw, batch_loader


class Groups(Dataset):
    """The process group of whoever is asked."""

    def __getitem__(self, _: Draw) -> int:
        return os.getpgid(0)


def test_ctrl_c_on_the_terminal_does_not_reach_them() -> None:
    (group,) = batch_loader(Groups(), ["any"], 1, False)  # type: ignore[arg-type,list-item]
    assert group != os.getpgid(0)
