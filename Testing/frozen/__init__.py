"""Numbers of the product as they were before the rebuild, and tests that tell when one of them changes.

    python Testing/frozen/freeze.py [NAME ...]    rewrites Testing/frozen/data/*.json (all, or those named)

`*_numbers.py` compute them; every call into the product stands in a small function at the top of one of these
files, so that a new API changes those functions and no number. `tables.py` writes, reads and compares.
"""
