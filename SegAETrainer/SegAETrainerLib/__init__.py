"""The module SegAETrainer of 3D Slicer: what it knows of trainings (`runs`), and its panel (`app`)."""
