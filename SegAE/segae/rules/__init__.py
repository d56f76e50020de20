"""What masks alone say about their quality, beside the network: pieces, holes, overlaps, sizes, places.

Rules explain a score and never change it.
"""

from segae.rules.check import check_rules

__all__ = ["check_rules"]
