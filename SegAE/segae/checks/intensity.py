"""Are the voxels of a CT plausible Hounsfield units? Air is -1000, fat -100, muscle 50, bone up to 2000."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from segae.data import Volume
from segae.finding import Finding

_SAMPLE = 1_000_000  # voxels that percentages are estimated from
_FAT = -50  # fat and air lie below; whatever has next to nothing there is no CT
_LEAST_FAT_AND_AIR = 0.001
_LEAST_SPREAD = 100  # HU; an image normalised to 0..1 or to unit variance has less
PADDING_BELOW = -1500  # no tissue and no noise: the filling outside of the scanned field
_LEAST_FILLED = 0.001
_SOFT_TISSUE = (-200, 300)
_LEAST_SOFT_TISSUE = 0.01
_HIGHEST = 3100  # above it there is little but metal
AIR = -900  # a CT whose lowest value is higher was clipped, and its air holds that value
_TISSUE_ENDS = (AIR, 500)  # a range that is clipped inside of it hides soft tissue, fat, air or contrast
_LEAST_CLIPPED = (0.01, 0.0001)  # share of the voxels at the lower and at the upper end of a clipped range
_STEEP = 5  # voxels at the upper end for each just below it: unclipped, ever fewer voxels are ever brighter
_BELOW_END = 10  # HU
_BONE = 1500  # HU; little tissue lies above, so that regions of a higher value are a void
_LEAST_VOID = 0.005  # of all voxels
_INSIDE_VOID = 0.6  # of the voxels with its value, those among their like; tissue and noise have far fewer
_FEWEST_VALUES = 64  # a CT with fewer is a phantom, whose tissue is constant too
_MOST_METAL = 0.01


@dataclass(frozen=True)
class Intensity:
    """Of the finite voxels: exact extremes, and an evenly spaced sample of at most about a million voxels.
    `voids`: constant values that fill regions where nothing was scanned, whatever they are."""

    lowest: float
    highest: float
    sample: np.ndarray
    n_not_finite: int
    voids: tuple[float, ...] = ()

    @property
    def fill(self) -> float | None:
        """The lowest value where it fills more than single voxels: what lies outside of the scanned field."""
        share = np.count_nonzero(self.sample == self.lowest) / max(1, self.sample.size)
        return self.lowest if share >= _LEAST_FILLED else None


def measure_intensity(ct: Volume) -> Intensity:
    """Look at every voxel of `ct`, slab by slab."""
    lowest, highest, n_not_finite = np.inf, -np.inf, 0
    for slab in ct.voxels:
        finite = slab[np.isfinite(slab)] if slab.dtype.kind == "f" else slab
        n_not_finite += slab.size - finite.size
        if finite.size:
            lowest, highest = min(lowest, float(finite.min())), max(highest, float(finite.max()))
    step = max(1, int(np.ceil((ct.voxels.size / _SAMPLE) ** (1 / 3))))
    sample = ct.voxels[::step, ::step, ::step].ravel()
    measured = Intensity(lowest, highest, sample[np.isfinite(sample)], n_not_finite)
    return replace(measured, voids=_voids(ct, measured))


def _voids(ct: Volume, measured: Intensity) -> tuple[float, ...]:
    """Values that fill whole regions: nearly every voxel with such a value has four neighbours in its plane
    with the same. The ends of a clipped range are none, because tissue holds them."""
    found = {measured.fill} if measured.fill is not None and measured.fill <= AIR else set()
    if min(ct.voxels.shape[1:]) < 3 or len(np.unique(measured.sample)) < _FEWEST_VALUES:
        return tuple(found)
    planes = ct.voxels[:: max(1, len(ct.voxels) // 20)]
    middle = planes[:, 1:-1, 1:-1]
    alike = (middle == planes[:, :-2, 1:-1]) & (middle == planes[:, 2:, 1:-1])
    alike &= (middle == planes[:, 1:-1, :-2]) & (middle == planes[:, 1:-1, 2:])
    values, counts = np.unique(middle[alike], return_counts=True)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        is_low_end = value == measured.lowest and value > AIR
        is_high_end = value == measured.highest and value < _BONE
        if count < _LEAST_VOID * middle.size or is_low_end or is_high_end:
            continue
        if count >= _INSIDE_VOID * np.count_nonzero(middle == value):
            found.add(float(value))
    return tuple(sorted(found))


def check_intensity(ct: Volume, intensity: Intensity) -> list[Finding]:
    """Findings NOT_FINITE, HU_NOT_CT, HU_RANGE (odd), HU_CLIPPED, HU_LIMITED and HU_PADDING about the voxels
    of `ct`."""
    if intensity.n_not_finite:
        text = (
            f'"{ct.source}" holds NaN or infinite values in {intensity.n_not_finite} of {ct.voxels.size} '
            "voxels; replace them, by -1024 where nothing was scanned."
        )
        return [Finding("NOT_FINITE", "error", text, source=ct.source)]
    reason = _why_no_ct(ct, intensity)
    if reason is not None:
        return [Finding("HU_NOT_CT", "error", f'"{ct.source}" {reason}', source=ct.source)]
    padding = intensity.fill if intensity.lowest <= PADDING_BELOW else None
    tissue = intensity.sample if padding is None else intensity.sample[intensity.sample != padding]
    return [*_check_range(ct, tissue), *_check_ends(ct, intensity), *_check_padding(ct, intensity, padding)]


def _why_no_ct(ct: Volume, intensity: Intensity) -> str | None:
    span = f"{intensity.lowest:g} to {intensity.highest:g}"
    if intensity.lowest == intensity.highest:
        return f"holds the value {intensity.lowest:g} everywhere and shows nothing; give the CT."
    if intensity.lowest >= 0 and _is_label_map(ct):
        return f"looks like a label map (whole numbers from {span}), not a CT; give the CT, not the masks."
    if intensity.lowest >= 0 and intensity.highest <= 255:
        return f"holds grey values from {span} and no Hounsfield units; give the CT as the scanner stored it."
    if intensity.highest - intensity.lowest < _LEAST_SPREAD:
        return f"holds values from {span}, too narrow for Hounsfield units; give the CT before normalisation."
    if np.mean(intensity.sample < _FAT) < _LEAST_FAT_AND_AIR:
        return (
            f"has next to nothing below {_FAT} HU ({span}), where fat and air lie; give a CT and no MR, "
            "with its rescale intercept (often -1024) applied."
        )
    return None


def _is_label_map(ct: Volume) -> bool:
    """Whole numbers, and nearly every voxel in the foreground has the value of its neighbour."""
    planes = ct.voxels[:: max(1, len(ct.voxels) // 20)]
    here, neighbour = planes[..., :-1], planes[..., 1:]
    foreground = here > 0
    if not foreground.any() or (planes.dtype.kind == "f" and (planes != np.round(planes)).any()):
        return False
    return float(np.mean(here[foreground] == neighbour[foreground])) > 0.7


def _check_range(ct: Volume, tissue: np.ndarray) -> list[Finding]:
    odd = []
    low, high = _SOFT_TISSUE
    if np.mean((tissue > low) & (tissue < high)) < _LEAST_SOFT_TISSUE:
        odd.append(f"hardly a voxel is soft tissue ({low} to {high} HU)")
    if np.mean(tissue > _HIGHEST) > _MOST_METAL:
        odd.append(f"{np.mean(tissue > _HIGHEST):.0%} of the voxels lie above {_HIGHEST} HU")
    if np.mean(tissue < PADDING_BELOW) > _MOST_METAL:
        odd.append(f"{np.mean(tissue < PADDING_BELOW):.0%} of the voxels lie below {PADDING_BELOW} HU")
    if not odd:
        return []
    text = f'In "{ct.source}" {" and ".join(odd)}; check that it holds Hounsfield units.'
    return [Finding("HU_RANGE", "warning", text, source=ct.source)]


def _check_ends(ct: Volume, intensity: Intensity) -> list[Finding]:
    """Whether the range of values was clipped, at either end: HU_CLIPPED where that hides what a score needs,
    else HU_LIMITED."""
    sample, (low, high) = intensity.sample, (intensity.lowest, intensity.highest)
    share_low, share_high = float(np.mean(sample == low)), float(np.mean(sample == high))
    just_below = float(np.mean((sample >= high - _BELOW_END) & (sample < high))) / _BELOW_END
    ends = []
    if low > AIR and share_low >= _LEAST_CLIPPED[0]:
        ends.append((low, share_low, "below"))
    if high < _HIGHEST and share_high >= max(_LEAST_CLIPPED[1], _STEEP * just_below):
        ends.append((high, share_high, "above"))
    if not ends:
        return []
    what = " and ".join(
        f"nothing lies {where} {value:g} HU ({share:.1%} at it)" for value, share, where in ends
    )
    if all(value <= _TISSUE_ENDS[0] or value >= _TISSUE_ENDS[1] for value, _, _ in ends):
        text = f'The values of "{ct.source}" were limited: {what}; no score depends on it, nothing to do.'
        return [Finding("HU_LIMITED", "info", text, source=ct.source)]
    text = f'The values of "{ct.source}" were clipped: {what}; give the CT as the scanner stored it.'
    return [Finding("HU_CLIPPED", "warning", text, source=ct.source)]


def _check_padding(ct: Volume, intensity: Intensity, padding: float | None) -> list[Finding]:
    if padding is None:
        return []
    share = float(np.mean(intensity.sample == padding))
    text = (
        f'"{ct.source}" is filled with {padding:g} where nothing was scanned ({share:.0%} of the voxels); '
        "nothing to do."
    )
    return [Finding("HU_PADDING", "info", text, source=ct.source)]
