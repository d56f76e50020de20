"""Lightning Fabric for the devices, strategy and precision of a training."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import torch
from lightning.fabric import Fabric
from lightning.fabric.loggers.tensorboard import TensorBoardLogger
from lightning.fabric.utilities.rank_zero import rank_zero_only

from segae.errors import InputError
from segae.scoring.device import AUTO, choose_device
from segae_trainer.training.settings import Machine

PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "bf16-true", "64-true")


def make_fabric(machine: Machine, run: Path, batch: int) -> Fabric:
    """Ready to be launched. Raises `InputError` for a device or precision that is not there, and when `batch`
    cannot be shared."""
    device = choose_device(machine.device)
    shares = machine.devices * machine.accumulate
    if machine.devices < 1 or machine.accumulate < 1 or batch % shares or batch // shares < 2:
        raise InputError(
            f"A batch of {batch} cannot be shared by {machine.devices} devices in {machine.accumulate} equal "
            "parts of at least 2; choose another --batch, --devices or --accumulate."
        )
    if device.type == "cuda" and machine.devices > torch.cuda.device_count():
        raise InputError(
            f"This computer has {torch.cuda.device_count()} GPUs and not {machine.devices}; give --devices."
        )
    _quiet()
    return Fabric(
        accelerator=device.type,
        devices=machine.devices if device.index is None else [device.index],
        strategy="ddp" if machine.devices > 1 else "auto",
        precision=_precision(machine.precision, device),  # type: ignore[arg-type]
        loggers=TensorBoardLogger(root_dir=run, name="tensorboard", version=""),
    )


def is_first_process() -> bool:
    """False in the processes that are started for further devices."""
    return getattr(rank_zero_only, "rank", 0) == 0


def _precision(wanted: str, device: torch.device) -> str:
    if wanted == AUTO:
        if device.type != "cuda":
            return "32-true"
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    if wanted not in PRECISIONS:
        raise InputError(f'There is no precision "{wanted}"; choose auto, {", ".join(PRECISIONS)}.')
    return wanted


def _quiet() -> None:
    """Lightning's advice is for programmers."""
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning.*")
