"""Pictures and terminal tables of a quality report."""
