"""Makes a class a noun: a frozen value with named fields, as a dataclass is, at a twentieth of its cost to define.

    @noun
    class Cell:
        label: str
        text: str
        first_line: int = 1

    cell = Cell(label="In[1]", text="x = 1")
    later = replace(cell, label="In[2]")

What `dataclasses` asks of a class is made when it asks: its `replace`, `fields` and `asdict` take nouns too.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple, NoReturn, TypeVar, dataclass_transform

Noun = TypeVar("Noun")


class _Form(NamedTuple):
    """What the methods of a noun go by: its fields, each with what sets it; the defaults; what reads all values."""

    fields: tuple[tuple[str, Callable[[object, object], None]], ...]
    defaults: Mapping[str, object]
    values: Callable[[object], object]


@dataclass_transform(kw_only_default=True, frozen_default=True)
def noun(cls: type[Noun]) -> type[Noun]:
    """The class with a slot for each name that it annotates, and with the methods of a value."""
    own = cls.__annotations__
    base: _Form = getattr(cls, "_form", _Form((), {}, id))
    kept = {name: item for name, item in vars(cls).items() if name not in {*own, "__dict__", "__weakref__"}}
    made: Any = type(cls.__name__, cls.__bases__, {**_METHODS, **kept, "__slots__": tuple(own)})
    fields = (*base.fields, *((name, vars(made)[name].__set__) for name in own))
    defaults = {**base.defaults, **{name: vars(cls)[name] for name in own if name in vars(cls)}}
    made._form = _Form(fields, defaults, attrgetter(*(name for name, _ in fields)))
    return made  # type: ignore[no-any-return]


def replace(value: Noun, **changes: Any) -> Noun:
    """The same noun with other values in some of its fields."""
    return type(value)(**{**named(value), **changes})


def named(value: Any) -> dict[str, Any]:
    """The values of a noun by the names of its fields."""
    return {name: getattr(value, name) for name, _ in value._form.fields}


def _init(self: Any, **given: object) -> None:
    fields, defaults, _ = self._form
    said = defaults | given
    try:
        for name, put in fields:  # the slot's own setter: that of the class refuses
            put(self, said[name])
    except KeyError as missing:
        raise TypeError(f"{type(self).__name__} needs {missing}") from None
    if len(said) > len(fields):
        unknown = said.keys() - {name for name, _ in fields}
        raise TypeError(f"{type(self).__name__} has no {', '.join(map(repr, sorted(unknown)))}")


def _repr(self: Any) -> str:
    return f"{type(self).__qualname__}({', '.join(f'{name}={item!r}' for name, item in named(self).items())})"


def _eq(self: Any, other: Any) -> object:
    return self._form.values(self) == self._form.values(other) if type(self) is type(other) else NotImplemented


def _hash(self: Any) -> int:
    return hash(self._form.values(self))


def _set(self: object, name: str, _: object) -> NoReturn:
    raise AttributeError(f"{type(self).__name__}.{name} cannot be set: replace() makes another with it")


def _delete(self: object, name: str) -> NoReturn:
    raise AttributeError(f"{type(self).__name__}.{name} cannot be deleted")


def _restore(self: object, state: tuple[None, dict[str, object]]) -> None:
    """For copy and pickle, which keep slots by name."""
    for name, value in state[1].items():
        object.__setattr__(self, name, value)


_ASKED = ("__dataclass_fields__", "__dataclass_params__")


class _Asked:
    """An attribute that `dataclasses` looks for: taken from a dataclass of the same fields, once."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, _: object, cls: Any) -> object:
        from dataclasses import MISSING, field, make_dataclass

        names, defaults, _ = cls._form
        fields = [(name, Any, field(default=defaults.get(name, MISSING))) for name, _ in names]
        same = make_dataclass(cls.__name__, fields, frozen=True, kw_only=True)
        for name in _ASKED:
            setattr(cls, name, getattr(same, name))
        return getattr(cls, self.name)


_METHODS = {
    "__init__": _init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _set,
    "__delattr__": _delete,
    "__setstate__": _restore,
    **{name: _Asked(name) for name in _ASKED},
}
