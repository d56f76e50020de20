"""Where the network runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segae.errors import InputError

if TYPE_CHECKING:
    import torch

AUTO = "auto"
_KINDS = ("cpu", "cuda", "mps", "xpu")


def choose_device(wanted: str = AUTO) -> torch.device:
    """The device for "auto" (cuda, then mps, then cpu) or a device's own name.

    Raises `InputError` when it is not there.
    """
    import torch

    if wanted == AUTO:
        for name, present in (
            ("cuda", torch.cuda.is_available()),
            ("mps", torch.backends.mps.is_available()),
        ):
            if present:
                return torch.device(name)
        return torch.device("cpu")
    if wanted.split(":")[0] not in _KINDS:
        raise InputError(f'There is no device "{wanted}"; choose auto, cpu, cuda, cuda:1 or mps.')
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f'The device "{wanted}" is not in this computer; choose auto or cpu.') from error
    return device
