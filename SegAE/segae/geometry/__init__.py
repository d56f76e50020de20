"""Where voxels lie in the patient: grids, axis orders, differences, resampling."""
