"""Segmentations, tables, colours and navigation in a MRML scene: VTK and MRML classes only, no Qt."""
