"""`slicer.i18n`: texts come back as they are, after the checks that translation needs (guide 2.7)."""

import types


def tr(text: str) -> str:
    """The text in the user's language; here English.

    Raises:
        TypeError: the text is no string.
    """
    if not isinstance(text, str):
        raise TypeError(f"tr() takes a string, not {type(text).__name__}")
    return text


def translate(context: str, text: str) -> str:
    """The text as translated for another context, e.g. a module category."""
    if not isinstance(context, str):
        raise TypeError(f"translate() takes a context name, not {type(context).__name__}")
    return tr(text)


def module() -> types.ModuleType:
    """The module object `slicer.i18n`."""
    made = types.ModuleType("slicer.i18n")
    made.tr, made.translate = tr, translate  # type: ignore[attr-defined]
    return made
