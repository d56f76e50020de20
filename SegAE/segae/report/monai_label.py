"""A strategy for MONAI Label servers: the next image to annotate is the worst one that `segae select` chose.

An app of MONAI Label names its strategies in `init_strategies` of its `main.py`:

    strategies["segae"] = WorstFirst("/data/scores/selection.json")
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.strategy import Strategy

from segae.errors import InputError
from segae.report.selection import read_selection

RESERVED = 24 * 60 * 60  # seconds that an image is kept for whom it was handed to, while there are others
_TOLD = (
    "rank", "segment", "structure", "verdict", "predicted_dice", "wrong_ml", "slice_axis", "slice", "x", "y",
    "z", "reasons",
)  # fmt: skip


class WorstFirst(Strategy):
    """Hands out the images that have no final label, in the order of `selection`, the JSON of `segae select`
    or the folder that it is in. Images that were not chosen are never handed out.

    An image of the server is a case of the selection when it is the same file, also through a link, or when
    its id is the case's name, with or without nnU-Net's ending _0000. The selection is read at each request,
    so a new one needs no restart. Raises `InputError` when it cannot be read.
    """

    def __init__(
        self, selection: str | Path, description: str = "Masks that look wrong, the worst first (SegAE)"
    ) -> None:
        super().__init__(description)
        path = Path(selection)
        self.selection = path / "selection.json" if path.is_dir() else path
        read_selection(self.selection)  # a server with a wrong path shall not start

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride]  (the base says nothing of an answer)
        self, request: Mapping[str, Any], datastore: Datastore
    ) -> dict[str, Any] | None:
        """The `id` of the next image, and under `segae` what is to be looked at in it; None when all that was
        chosen has a label.

        One that was handed out within the last day comes after all others, so that two annotators do not get
        the same one and an image that was passed over is not the next again. Raises `InputError` when the
        server has none of the chosen images.
        """
        cases = read_selection(self.selection)
        rank = {key: n for n, case in enumerate(cases) for key in _keys(case["case"], case["image"])}
        ranks = {image: _rank(image, datastore, rank) for image in datastore.list_images()}
        if all(one is None for one in ranks.values()):
            raise InputError(
                f'None of the {len(ranks)} images of the server is in "{self.selection}"; give the selection '
                "of these images, or name them as its cases."
            )
        unlabelled = datastore.get_unlabeled_images(request.get("label_tag"), request.get("labels"))
        strategy = str(request.get("strategy") or "")
        waiting = [
            (_handed_out(image, datastore, strategy), n, image)
            for image in unlabelled
            if (n := ranks.get(image)) is not None
        ]
        if not waiting:
            return None
        _, n, image = min(waiting)
        masks = [{name: mask.get(name) for name in _TOLD} for mask in cases[n]["masks"]]
        return {"id": image, "segae": {"case": cases[n]["case"], "masks": masks}}


def _keys(name: str, path: str) -> Iterator[str | Path]:
    """What tells an image from others: its file, and its name."""
    yield Path(path).resolve()
    yield name.removesuffix("_0000")


def _rank(image: str, datastore: Datastore, rank: Mapping[str | Path, int]) -> int | None:
    """The place of the image's case in the selection; the file tells more than the name."""
    keys = _keys(image, datastore.get_image_uri(image))
    return next((rank[key] for key in keys if key in rank), None)


def _handed_out(image: str, datastore: Datastore, strategy: str) -> float:
    """When the server last handed the image out; 0 when that is long ago, or never was."""
    when = datastore.get_image_info(image).get("strategy", {}).get(strategy, {}).get("ts", 0)
    return when if time.time() - when < RESERVED else 0
