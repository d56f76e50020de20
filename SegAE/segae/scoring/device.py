"""Where the network runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segae.errors import InputError

if TYPE_CHECKING:
    import torch

AUTO = "auto"


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
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f'The device "{wanted}" cannot be used ({reason}); choose auto or cpu.') from error
    return device
