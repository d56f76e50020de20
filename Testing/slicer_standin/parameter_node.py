# ruff: noqa: N802, N803, N815 (the names are Slicer's and Qt's)
"""`slicer.parameterNodeWrapper`: typed attributes on a vtkMRMLScriptedModuleNode, connected to widgets.

Own, smaller version for tests (no parameterPack). Strict where Slicer is not: an attribute that is no
parameter cannot be set.
"""

import types
import typing
from collections.abc import Callable
from typing import Any, NamedTuple

import vtk

from . import parameter_types
from .gui_connectors import Connector, connector
from .parameter_types import Default, ParameterType, decode, encode, observed
from .untyped import slicer

PROPERTY = "SlicerParameterName"  # dynamic property that names a widget's parameter


class _Link(NamedTuple):
    connector: Connector
    callback: Callable[..., None]


class ParameterNodeWrapper:
    """Base of the wrapped classes; one attribute per parameter."""

    allParameters: typing.ClassVar[dict[str, ParameterType]] = {}

    def __init__(self, parameterNode: Any) -> None:
        """Wrap a node; parameters it lacks get their defaults."""
        if parameterNode is None:
            raise ValueError("a parameter node wrapper needs a parameter node")
        self.parameterNode = parameterNode
        self._links: dict[int, dict[str, _Link]] = {}
        self._observers: dict[int, int] = {}
        self._updating = False
        for name, parameter in self.allParameters.items():
            if not parameterNode.HasParameter(name):
                self.setValue(name, parameter.default())

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.allParameters:
            self.setValue(name, value)
        elif name.startswith("_") or name == "parameterNode":
            object.__setattr__(self, name, value)
        else:
            raise AttributeError(f"{type(self).__name__} has no parameter {name!r}")

    def _parameter(self, name: str) -> ParameterType:
        if name not in self.allParameters:
            raise ValueError(f"no parameter {name!r}; there are {', '.join(self.allParameters)}")
        return self.allParameters[name]

    def dataType(self, name: str) -> Any:
        """Python type of a parameter."""
        return self._parameter(name).kind

    def default(self, name: str) -> Any:
        """Default of a parameter."""
        return self._parameter(name).default()

    def getValue(self, name: str) -> Any:
        """Value of a parameter; containers write themselves back when changed in place."""
        parameter = self._parameter(name)
        if not self.parameterNode.HasParameter(name):  # closing the scene empties the node
            self.setValue(name, parameter.default())
        if parameter.is_node:
            return self.parameterNode.GetNodeReference(name)
        value = decode(parameter.kind, self.parameterNode.GetParameter(name))
        return observed(value, lambda: self.setValue(name, value))

    def setValue(self, name: str, value: Any) -> None:
        """Check and store a value.

        Raises:
            TypeError, ValueError: it is not of the parameter's type, or a validator refuses it.
        """
        parameter = self._parameter(name)
        parameter.check(value)
        with slicer.util.NodeModify(self.parameterNode):
            if parameter.is_node:
                self.parameterNode.SetParameter(name, "")
                self.parameterNode.SetNodeReferenceID(name, value.GetID() if value is not None else None)
            else:
                self.parameterNode.SetParameter(name, encode(value))

    def connectGui(self, gui: Any) -> int:
        """Connect every widget that names a parameter in its property SlicerParameterName; returns a tag.

        `gui` is a widget (its children are taken) or the namespace of slicer.util.childWidgetVariables; a
        dict fails.
        """
        widgets = gui.findChildren("QWidget") if hasattr(gui, "isWidgetType") else gui.__dict__.values()
        named = {w.property(PROPERTY): w for w in widgets if hasattr(w, "property") and w.property(PROPERTY)}
        return self.connectParametersToGui(named)

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        """Connect parameters (by name) to widgets; returns a tag for `disconnectGui`.

        Raises:
            RuntimeError: a widget cannot show its parameter's type.
            ValueError: no such parameter.
        """
        connectors = {name: connector(widget, self._parameter(name)) for name, widget in mapping.items()}
        tag = max(self._links, default=-1) + 1
        self._links[tag] = {}
        for name, made in connectors.items():
            made.write(self.getValue(name))
            link = _Link(made, self._take_over(name, made))
            if made.signal:
                made.widget.connect(made.signal, link.callback)
            self._links[tag][name] = link
        self._observers[tag] = self.AddObserver(vtk.vtkCommand.ModifiedEvent, self._update_gui)
        return tag

    def _take_over(self, name: str, made: Connector) -> Callable[..., None]:
        def take_over(*_: Any) -> None:
            if not self._updating:
                self.setValue(name, made.read())

        return take_over

    def _update_gui(self, *_: Any) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            for links in list(self._links.values()):
                for name, link in links.items():
                    link.connector.write(self.getValue(name))
        finally:
            self._updating = False

    def disconnectGui(self, tag: int) -> None:
        """Undo one `connectGui`; an unknown tag is ignored."""
        for link in self._links.pop(tag, {}).values():
            if link.connector.signal:
                link.connector.widget.disconnect(link.connector.signal, link.callback)
        if tag in self._observers:
            self.RemoveObserver(self._observers.pop(tag))

    def StartModify(self) -> int:
        """For slicer.util.NodeModify."""
        return self.parameterNode.StartModify()

    def EndModify(self, was_modified: int) -> int:
        """For slicer.util.NodeModify."""
        return self.parameterNode.EndModify(was_modified)

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        """Observe the node."""
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:
        """Stop observing."""
        self.parameterNode.RemoveObserver(tag)

    def HasObserver(self, event: Any, callback: Any = None) -> int:
        """For VTKObservationMixin."""
        return self.parameterNode.HasObserver(event)

    def Modified(self) -> None:
        """Say that something changed."""
        self.parameterNode.Modified()


def parameterNodeWrapper(cls: Any = None) -> Any:
    """Class decorator: turns annotated attributes into parameters.

    Raises:
        TypeError: an attribute has a type that a parameter cannot have.
        ValueError: an attribute has the name of a method.
    """
    if cls is None:
        return parameterNodeWrapper
    parameters = {}
    for name, hint in typing.get_type_hints(cls, include_extras=True).items():
        if hasattr(ParameterNodeWrapper, name):
            raise ValueError(f"{name!r} cannot be the name of a parameter")
        parameters[name] = _parameter_type(cls, name, hint)
    members = {
        k: v for k, v in vars(cls).items() if k not in parameters and k not in ("__dict__", "__weakref__")
    }
    members |= {name: property(_reader(name)) for name in parameters}
    return type(cls.__name__, (ParameterNodeWrapper,), members | {"allParameters": parameters})


def _reader(name: str) -> Callable[[ParameterNodeWrapper], Any]:
    return lambda self: self.getValue(name)


def _parameter_type(cls: type, name: str, hint: Any) -> ParameterType:
    annotated = typing.get_origin(hint) is typing.Annotated
    kind, annotations = (typing.get_args(hint)[0], typing.get_args(hint)[1:]) if annotated else (hint, ())
    default = tuple(a.value for a in annotations if isinstance(a, Default))
    if hasattr(cls, name):
        default = (getattr(cls, name),)
    made = ParameterType(kind, tuple(a for a in annotations if not isinstance(a, Default)), default)
    made.default()  # a type that no parameter can have fails here
    return made


def module() -> types.ModuleType:
    """The module object `slicer.parameterNodeWrapper`."""
    made: Any = types.ModuleType("slicer.parameterNodeWrapper")
    made.parameterNodeWrapper = parameterNodeWrapper
    made.SlicerParameterNamePropertyName = PROPERTY
    made.isParameterNodeWrapper = lambda thing: (
        isinstance(thing, ParameterNodeWrapper)
        or (isinstance(thing, type) and issubclass(thing, ParameterNodeWrapper))
    )
    for name in ("WithinRange", "Minimum", "Maximum", "Choice", "Default", "Decimals", "SingleStep"):
        setattr(made, name, getattr(parameter_types, name))
    made.ObservedDict, made.ObservedList = parameter_types.ObservedDict, parameter_types.ObservedList
    return made
