"""Is a mask what its name says? Each mask is scored under the neighbouring names too, and rules over all
masks of the case have their say. Nothing here renames anything.
"""

from segae.names.contacts import touching_structures
from segae.names.correct import corrected_names
from segae.names.decide import decide
from segae.names.name_check import NameCheck
from segae.names.neighbours import neighbours

__all__ = ["NameCheck", "corrected_names", "decide", "neighbours", "touching_structures"]
