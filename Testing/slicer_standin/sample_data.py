# ruff: noqa: N802, N803, N815 (the names are Slicer's and Qt's)
"""The module SampleData: registering sources, and loading those that are local files (guide 2.5)."""

import types
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlparse

from .untyped import slicer


class SampleDataSource(NamedTuple):
    """One registered data set; the lists have equal length."""

    sampleName: str
    category: str
    uris: list[str]
    fileNames: list[str]
    nodeNames: list[str]
    loadFileTypes: list[str]
    checksums: list[str]
    thumbnailFileName: str
    customDownloader: Any = None


class SampleDataLogic:
    """Registry and loader; ``slicer.modules.sampleDataSources`` holds category -> sources, as in Slicer."""

    @staticmethod
    def registerCustomSampleDataCategory(name: str, title: str | None = None, **options: Any) -> None:
        """Make a category known."""
        SampleDataLogic.sources().setdefault(name, [])

    @staticmethod
    def registerCustomSampleDataSource(
        category: str = "Custom",
        sampleName: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        customDownloader: Any = None,
        thumbnailFileName: str | None = None,
        loadFileTypes: Any = None,
        checksums: Any = None,
        **options: Any,
    ) -> None:
        """Register one data set.

        Raises:
            ValueError: lists of different length, or a thumbnail that is not there.
        """
        if not sampleName:
            raise ValueError("a sample data source needs a name")
        columns = [_as_list(v) for v in (uris, fileNames, nodeNames, loadFileTypes, checksums)]
        lengths = {len(c) for c in columns if c}
        if len(lengths) > 1:
            raise ValueError(
                f"{sampleName}: the lists of URIs, files, nodes, types and checksums differ in length"
            )
        if thumbnailFileName and not Path(thumbnailFileName).is_file():
            raise ValueError(f"{sampleName}: no thumbnail {thumbnailFileName}")
        uris, files, nodes, kinds, sums = columns
        source = SampleDataSource(
            sampleName, category, uris, files, nodes, kinds, sums, thumbnailFileName or "", customDownloader
        )
        SampleDataLogic.sources().setdefault(category, []).append(source)

    @staticmethod
    def sources() -> dict[str, list[SampleDataSource]]:
        """All sources by category. (Slicer's is ``slicer.modules.sampleDataSources``.)"""
        if "sampleDataSources" not in vars(slicer.modules):
            slicer.modules.sampleDataSources = {}
        return slicer.modules.sampleDataSources

    def sourceForSampleName(self, name: str) -> SampleDataSource | None:
        """The source of that name, or None."""
        return next((s for group in self.sources().values() for s in group if s.sampleName == name), None)

    def press(self, name: str) -> None:
        """As a click on the button of a data set. (Not part of Slicer's class.)"""
        source = self.sourceForSampleName(name)
        if source is None:
            raise KeyError(f"no sample data {name!r}")
        (source.customDownloader or self.downloadFromSource)(source)

    def downloadSamples(self, name: str) -> list[Any]:
        """Load a data set by name; returns its nodes."""
        source = self.sourceForSampleName(name)
        if source is None:
            raise KeyError(f"no sample data {name!r}")
        return self.downloadFromSource(source)

    def downloadFromSource(self, source: SampleDataSource) -> list[Any]:
        """Load the files of a source; only file: URIs, the test bed has no network."""
        loaded = []
        for index, uri in enumerate(source.uris):
            parts = urlparse(uri)
            if parts.scheme != "file":
                raise ValueError(f"{source.sampleName}: the test bed reads file: URIs only, not {uri}")
            name = source.nodeNames[index] if source.nodeNames else None
            kind = source.loadFileTypes[index] if source.loadFileTypes else None
            properties = {"name": name} if name else {}
            loaded.append(slicer.util.loadNodeFromFile(unquote(parts.path), kind, properties))
        return loaded


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def module() -> types.ModuleType:
    """The module object `SampleData`."""
    made = types.ModuleType("SampleData")
    made.SampleDataLogic = SampleDataLogic  # type: ignore[attr-defined]
    return made
