"""What the SegAE modules of 3D Slicer are made of: `mrml` (scene, no Qt) and `app` (panel, application)."""
