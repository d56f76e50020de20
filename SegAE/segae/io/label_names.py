"""Names of the values in a label map: given by the user, in its header, or in a file beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from segae.errors import InputError, way
from segae.finding import Finding
from segae.io.name_files import SUFFIXES, NamedLabel, named_labels, read_names
from segae.io.nifti import NIFTI, read_extensions
from segae.io.readers import stem
from segae.labels.schemes import DAP, dap_scheme, schemes
from segae.labels.table import LabelTable


@dataclass(frozen=True)
class LabelNames:
    """`labels` of the values of a file, none when nothing names them; `source` says what names them, for
    people; `asked`: the user named this source. `findings`: about files beside the mask."""

    labels: tuple[NamedLabel, ...] = ()
    source: str = ""
    asked: bool = False
    findings: tuple[Finding, ...] = ()

    def of_value(self, value: int) -> str | None:
        """The name that a value has for itself, region or not."""
        return next((label.name for label in self.labels if label.values == (value,)), None)


def label_names(mask: Path, asked: Path | None = None, table: LabelTable | None = None) -> LabelNames:
    """What names the values of `mask`: the file or named scheme that was `asked` for, else its own header,
    else a file beside it.

    Only what was asked for, and a damaged header, raise `InputError`. A file beside the mask never overrules
    the header, and one that cannot be used is left alone; both are findings. `table`: what the scheme "dap"
    counts, None for the default one.
    """
    if asked is not None:
        return LabelNames(names_given(asked, mask, table), f'"{asked}"', True)
    own = header_names(mask)
    found = LabelNames(own, "its header") if own else LabelNames()
    findings = []
    for path in names_beside(mask):
        try:
            labels = read_names(path, mask)
        except InputError as error:
            findings.append(_unused(path, mask, str(error).rstrip(".")))
            continue
        if not found.labels:
            found = LabelNames(labels, f'"{path}"')
            text = f'The values in "{mask}" are named by "{path}" beside it; ' + way(
                "give --names if that is wrong.", "choose other Label names if that is wrong."
            )
            findings.append(Finding("NAMES_FOUND", "info", text, source=str(path)))
        elif found.labels != labels:
            findings.append(_unused(path, mask, f"the values are named by {found.source}"))
    return LabelNames(found.labels, found.source, findings=tuple(findings))


def names_given(
    asked: Path, mask: Path | None = None, table: LabelTable | None = None
) -> tuple[NamedLabel, ...]:
    """The names of a file, or of the scheme with that key, which is that of `table` for "dap". Raises
    `InputError` for anything else."""
    key = str(asked).lower()
    scheme = dap_scheme(table) if table is not None and key == DAP else schemes().get(key)
    if scheme is not None:
        return tuple(NamedLabel(name, (value,)) for value, name in scheme.names.items())
    if not asked.exists():
        raise InputError(
            f'There is no file "{asked}" with label names, and no named scheme is called so; give a file, or '
            f"one of {', '.join(schemes())}."
        )
    return read_names(asked, mask)


def names_beside(mask: Path) -> Iterator[Path]:
    """Files beside `mask` that may name its values: those with its name, and nnU-Net's dataset.json in its
    folder or the one above. Nobody asked for them."""
    near = [mask.with_name(stem(mask) + suffix) for suffix in SUFFIXES]
    near += [folder / "dataset.json" for folder in (mask.parent, mask.parent.parent)]
    return (path for path in near if path.is_file())


def _unused(path: Path, mask: Path, why: str) -> Finding:
    text = f'"{path}" beside "{mask}" is not used: {why}.'
    return Finding("NAMES_NOT_USED", "info", text, source=str(path))


def header_names(path: Path) -> tuple[NamedLabel, ...]:
    """Names from the label table in the header extension of a NIfTI file; none if it has none."""
    if not NIFTI.can_read(path):
        return ()
    tables = (content for content in read_extensions(path) if b"<LabelTable" in content)
    return next((_label_table(table.strip(b"\0 \r\n"), path) for table in tables), ())


def _label_table(xml: bytes, path: Path) -> tuple[NamedLabel, ...]:
    try:
        labels = ElementTree.fromstring(xml).iter("Label")
        names = [((int(label.attrib["Key"]),), label.text or "") for label in labels]
    except (ElementTree.ParseError, LookupError, ValueError):
        raise _damaged_table(path) from None
    return named_labels(names, path)


def _damaged_table(path: Path) -> InputError:
    return InputError(
        f'The label table in the header of "{path}" is damaged; give the names in a JSON or CSV file.'
    )
