"""Trainings as they lie in folders and run as processes. No Qt, no Slicer: nothing here needs a window."""
