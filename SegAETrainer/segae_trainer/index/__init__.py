"""Which CT belongs to which masks, whether they fit, and who is trained, validated and tested on."""

from segae_trainer.index.build import build_index, recognise_layout
from segae_trainer.index.scan import Index, PseudoLabel, Scan
from segae_trainer.index.split import Shares, split_by_patient
from segae_trainer.index.store import check_index_path, read_index, write_index

__all__ = [
    "Index",
    "PseudoLabel",
    "Scan",
    "Shares",
    "build_index",
    "check_index_path",
    "read_index",
    "recognise_layout",
    "split_by_patient",
    "write_index",
]
