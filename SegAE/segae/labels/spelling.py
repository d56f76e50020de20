"""How the names of organs are spelled: words, numbers, sides, Latin, abbreviations."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from segae.files import read_bundled_table
from segae.labels.structure import Structure

# Confidence of an exact name, a usual spelling, a name with something around it, a nearest partner
NAME, SPELLING, AROUND, PARTNER = 1.0, 0.9, 0.7, 0.6


@dataclass(frozen=True)
class Spelling:
    """One way to write `structure`; `reason` says which, or why the structure is only the nearest partner."""

    text: str
    reading: Reading
    structure: Structure
    reason: str
    confidence: float


def spellings_of(structures: Sequence[Structure]) -> tuple[Spelling, ...]:
    """All spellings of the rows of a label table; of two with the same text the first one counts (nearest
    partners come first)."""
    rows = read_bundled_table("Labels", "synonyms.csv")
    partners = [row for row in rows if row["kind"] == "partner"]
    names = [row for row in rows if row["kind"] == "name"]
    return (
        *_partners(partners, structures),
        *(spelling for structure in structures for spelling in _exact_names(structure)),
        *(
            _spelling(structure.meaning, structure, "SNOMED meaning", SPELLING)
            for structure in structures
            if structure.meaning
        ),
        *_synonyms(names, structures),
        *(spelling for structure in structures for spelling in _own_synonyms(structure)),
    )


def _partners(rows: list[dict[str, str]], structures: Sequence[Structure]) -> list[Spelling]:
    return [
        _spelling(row["spelling"], structure, f"nearest partner, not the same: {row['note']}", PARTNER)
        for row in rows
        for structure in structures
        if structure.name == row["means"]
    ]


def _exact_names(structure: Structure) -> Iterator[Spelling]:
    for name, kind in (
        (structure.name, "table name"),
        (structure.totalsegmentator_v1, "TotalSegmentator name"),
        (structure.totalsegmentator_v2, "TotalSegmentator name"),
    ):
        if name:
            yield _spelling(name, structure, kind, NAME)


def _own_synonyms(structure: Structure) -> Iterator[Spelling]:
    for name in structure.synonyms:
        yield _spelling(name, structure, f"synonym of '{structure}'", SPELLING)


def _synonyms(rows: list[dict[str, str]], structures: Sequence[Structure]) -> list[Spelling]:
    """A synonym of a name without a side holds for both sides."""
    own = [(structure, read(structure.name)) for structure in structures]
    found: list[Spelling] = []
    for row in rows:
        meant = read(row["means"])
        for structure, reading in own:
            if reading.words == meant.words and meant.side in ("", reading.side):
                side = "" if meant.side else reading.side
                text = f"{row['spelling']} {side}"
                found.append(_spelling(text, structure, f"synonym of '{row['means']}'", SPELLING))
    return found


def _spelling(text: str, structure: Structure, reason: str, confidence: float) -> Spelling:
    return Spelling(plain(text), read(text), structure, reason, confidence)


_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_ORDINAL_ENDINGS = {"st", "nd", "rd", "th"}
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SPINE_REGIONS = {"c": "cervical", "t": "thoracic", "th": "thoracic", "l": "lumbar", "s": "sacral"}


@dataclass(frozen=True)
class Reading:
    """The words of a name in one common form, and the side it gives: "left", "right", "both" or ""."""

    words: frozenset[str]
    side: str = ""

    @property
    def sideless(self) -> str:
        """The words as one text, always in the same order."""
        return " ".join(sorted(self.words))


@dataclass(frozen=True)
class WordForms:
    """Words that stand for a side, for other words (none: it says nothing), or for something diseased, and
    those that people and programs put around a name. `counted`: of them, those that a number may follow."""

    sides: Mapping[str, str]
    words: Mapping[str, tuple[str, ...]]
    lesions: frozenset[str]
    around: frozenset[str]
    counted: frozenset[str]


@lru_cache(maxsize=1)
def word_forms() -> WordForms:
    """The single words of `synonyms.csv`."""
    rows = read_bundled_table("Labels", "synonyms.csv")
    return WordForms(
        sides={row["spelling"]: row["means"] for row in rows if row["kind"] == "side"},
        words={row["spelling"]: tuple(row["means"].split()) for row in rows if row["kind"] == "word"},
        lesions=frozenset(row["spelling"] for row in rows if row["kind"] == "lesion"),
        around=frozenset(row["spelling"] for row in rows if row["kind"] in ("around", "counted")),
        counted=frozenset(row["spelling"] for row in rows if row["kind"] == "counted"),
    )


def plain(text: str) -> str:
    """Lower case without accents, one blank between words: equal for spellings that differ in form only."""
    return " ".join(_tokens(text))


def readings(text: str) -> tuple[Reading, ...]:
    """`text` as it stands and, if that makes a difference, with its camel case taken apart."""
    return tuple(dict.fromkeys((read(text), read(_CAMEL.sub(" ", text)))))


_COPY_MARK = re.compile(r"\s*\(\d{1,3}\)\s*$")  # of file managers: "liver (1)"
_CHUNK = re.compile(r"[^\W_]+")
# Identifiers of cases: s0001, 20240131, 0011f3deaf; never a level such as L1 or T12.
_IDENTIFIER = re.compile(r"[a-z]{0,6}\d{3,}[a-z]?|(?=[a-z]*\d)(?=\d*[a-z])[0-9a-f]{6,}")


def without_surroundings(text: str) -> tuple[str, str]:
    """What remains of `text` without the words, numbers of cases and marks of copies that people and programs
    put before and behind a name, and what was taken away; nothing is, where nothing would remain."""
    mark = _COPY_MARK.search(text)
    copied = [] if mark is None else [mark[0].strip()]
    chunks = _CHUNK.findall(_CAMEL.sub(" ", _COPY_MARK.sub("", text)))
    first, last = 0, len(chunks)
    while first < last and _is_around(chunks[:last], first, at_start=True):
        first += 1
    while first < last and _is_around(chunks[first:last], last - first - 1, at_start=False):
        last -= 1
    kept = chunks[first:last]
    if not kept:
        return text, ""
    return " ".join(kept), " ".join([*chunks[:first], *chunks[last:], *copied])


def _is_around(chunks: Sequence[str], place: int, at_start: bool) -> bool:
    """Whether a chunk at an end of a name belongs to its surroundings. A number does at the start
    ("03_liver"), and behind a word that is counted ("copy 2"); else it may be a level."""
    forms, chunk = word_forms(), chunks[place].casefold()
    if chunk in forms.around or _IDENTIFIER.fullmatch(chunk):
        return True
    if not chunk.isdecimal():
        counted = re.fullmatch(r"([a-z]+)\d+", chunk)  # "v2", "case7"
        return counted is not None and counted[1] in forms.counted
    return at_start or (place > 0 and chunks[place - 1].casefold() in forms.counted)


def read(text: str) -> Reading:
    """The words and the side of `text`; capitals, separators and order do not matter."""
    forms = word_forms()
    tokens = _name_spine_regions(_without_ordinal_endings(_tokens(text)))
    sides = {forms.sides[token] for token in tokens if token in forms.sides}
    words = (word for token in tokens if token not in forms.sides for word in _common_form(token))
    return Reading(frozenset(words), "both" if len(sides) > 1 else next(iter(sides), ""))


def is_lesion(reading: Reading) -> bool:
    """Whether the name speaks of a tumour, a cyst or the like, which is never the organ that it lies in."""
    return not reading.words.isdisjoint(word_forms().lesions)


def _tokens(text: str) -> list[str]:
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _TOKEN.findall(bare.casefold())


def _without_ordinal_endings(tokens: list[str]) -> list[str]:
    """["7", "th", "rib"] -> ["7", "rib"]; but "th" before a number is a thoracic vertebra and stays."""
    return [
        token
        for position, token in enumerate(tokens)
        if not (token in _ORDINAL_ENDINGS and _is_number(tokens, position - 1))
        or _is_number(tokens, position + 1)
    ]


def _name_spine_regions(tokens: list[str]) -> list[str]:
    """["l", "1"] -> ["lumbar", "1"], except for ribs, where "rib L1" is the first left one."""
    if any(_common_form(token) == ("rib",) for token in tokens):
        return tokens
    return [
        _SPINE_REGIONS.get(token, token) if _is_number(tokens, position + 1) else token
        for position, token in enumerate(tokens)
    ]


def _is_number(tokens: list[str], position: int) -> bool:
    return 0 <= position < len(tokens) and tokens[position].isdecimal()


def _common_form(word: str) -> tuple[str, ...]:
    if word.isdecimal():
        return (str(int(word)),)
    forms = word_forms()
    singular = _singular(word)
    for form in (word, singular):
        if form in forms.lesions:
            return (form,)
        if form in forms.words:
            return forms.words[form]
    return (singular,)


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "as")):
        return word[:-1]
    return word
