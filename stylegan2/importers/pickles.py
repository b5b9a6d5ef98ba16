"""Read a pickle as plain data: nothing it names is ever looked up, imported or called.

Python's own unpickler, even a restricted one, calls functions and sets attributes as the file says. This
reader instead walks the file's instructions and builds inert nodes: a name stays a Name, a call stays a Call
with its arguments. Whoever reads the result decides what a node means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

from ..errors import ModelError
from .instructions import instructions
from .other_models import program_of

MAX_INDEX = 1 << 31
DICTIONARIES = ("collections.OrderedDict", "dnnlib.util.EasyDict")
MAX_NAME = 1000  # letters
MAX_KEY = 1 << 64  # old optimiser states have addresses for keys


@dataclass(frozen=True)
class Name:
    """Something the file would have imported, for example Name("collections", "OrderedDict")."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, repr=False)
class Call:
    """A call that the file would have made; `state`, `items`, `entries` would have gone into its result."""

    function: Name
    args: tuple[Any, ...]
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)
    entries: list[Any] = field(default_factory=list)


@dataclass(eq=False, repr=False)
class Persistent:
    """A reference to something stored outside the pickle (torch puts a storage's description here)."""

    description: Any


def is_call(node: Any, *names: str) -> TypeGuard[Call]:
    """Whether `node` is a call of a function with one of these full names."""
    return isinstance(node, Call) and str(node.function) in names


def entries_of(node: Any) -> dict[Any, Any] | None:
    """What a dictionary holds: a plain one, or one of the kinds in DICTIONARIES; None for everything else."""
    if is_call(node, *DICTIONARIES):
        return node.items
    return node if isinstance(node, dict) else None


def read_pickle(
    file: BinaryIO,
    size: int,
    allowed: frozenset[str],
    path: str,
    *,
    source: Path | None = None,
    persistent: list[Persistent] | None = None,
) -> Any:
    """Return the tree of one pickle at the file's position; the position is then right behind it.

    Args:
        file: where it begins.
        size: bytes left in the file; no more are ever asked for.
        allowed: the full names that may occur.
        path: the file's name for messages.
        source: the file itself, for long runs of bytes that are to stay there; None reads them.
        persistent: gets every reference to something outside the pickle.

    Raises:
        ModelError: another name, no pickle, or one that grows without bounds.
    """
    machine = _Machine(allowed, path, persistent)
    try:
        for opcode, argument in instructions(file, size, source):
            machine.step(opcode, argument)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, MemoryError, RuntimeError) as error:
        if isinstance(error, ModelError):
            raise
        raise machine.damaged() from error
    return machine.stack[-1] if machine.stack else None


_NUMBERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
_TEXTS = {"UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
_BYTES = {"STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_PUSH_ARGUMENT = _NUMBERS | _TEXTS | _BYTES
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
_SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED = frozenset({"PROTO", "FRAME", "STOP"})


class _Machine:
    """The pickle machine's stack, marks and memo; instructions that no model file needs are refused."""

    def __init__(self, allowed: frozenset[str], path: str, persistent: list[Persistent] | None) -> None:
        self.allowed, self.path, self.persistent = allowed, path, persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def damaged(self, why: str = "") -> ModelError:
        detail = f" ({why})" if why else ""
        return ModelError(f"The model file {self.path} is damaged or incomplete{detail}; get it again.")

    def step(self, opcode: str, argument: Any) -> None:
        stack = self.stack
        if opcode in _PUSH_ARGUMENT:
            stack.append(argument)
        elif opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode])
        elif opcode in _EMPTY:
            stack.append(_EMPTY[opcode]())
        elif opcode in _SHORT_TUPLES:
            stack.append(tuple(self._pop(_SHORT_TUPLES[opcode])))
        elif opcode in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif opcode in ("PUT", "BINPUT", "LONG_BINPUT"):
            if not 0 <= argument < MAX_INDEX:
                raise self.damaged()
            self.memo[argument] = stack[-1]
        elif opcode == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif opcode == "MARK":
            self.marks.append(len(stack))
        elif opcode not in _IGNORED:
            handler = getattr(self, f"_{opcode.lower()}", None)
            if handler is None:
                raise self.damaged(f"the instruction {opcode} belongs to no model file")
            handler(argument)

    def _pop(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise self.damaged()
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def _pop_to_mark(self) -> list[Any]:
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def _key(self, value: Any) -> Any:
        """A dictionary key: only plain ones, because hashing a nested tuple can be made to take forever."""
        if isinstance(value, (str, bool)) or value is None:
            return value
        if isinstance(value, int) and abs(value) < MAX_KEY:
            return value
        raise self.damaged("a dictionary has an unusual key")

    # Names and what would be called with them

    def _name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str) or len(module) + len(name) > MAX_NAME:
            raise self.damaged("it names something that has no name")
        found = Name(module, name)
        if str(found) not in self.allowed:
            other = program_of(str(found), self.path)
            if other is not None:
                raise other
            asked = repr(str(found))[:80]
            raise ModelError(
                f"The model file {self.path} asks to run {asked}, which is no part of a StyleGAN2 model: "
                "nothing of it was run; use a file from a source that you trust."
            )
        self.stack.append(found)

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._name(module, name)

    def _stack_global(self, _: Any) -> None:
        self._name(*self._pop(2))

    def _reduce(self, _: Any) -> None:
        function, args = self._pop(2)
        if not isinstance(function, Name) or not isinstance(args, tuple):
            raise self.damaged("it calls something that has no name")
        self.stack.append(Call(function, args))

    _newobj = _reduce

    def _build(self, _: Any) -> None:
        (state,) = self._pop(1)
        target = self.stack[-1]
        if not isinstance(target, Call):
            raise self.damaged("it changes something that it did not make")
        target.state = state

    def _binpersid(self, _: Any) -> None:
        reference = Persistent(*self._pop(1))
        if self.persistent is not None:
            self.persistent.append(reference)
        self.stack.append(reference)

    # Containers

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._pop_to_mark()))

    def _list(self, _: Any) -> None:
        self.stack.append(self._pop_to_mark())

    def _dict(self, _: Any) -> None:
        values = self._pop_to_mark()
        self.stack.append({})
        self._set_items(values)

    def _frozenset(self, _: Any) -> None:
        self.stack.append(frozenset(map(self._key, self._pop_to_mark())))

    def _setitem(self, _: Any) -> None:
        self._set_items(self._pop(2))

    def _setitems(self, _: Any) -> None:
        self._set_items(self._pop_to_mark())

    def _set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        items = target.items if isinstance(target, Call) else target
        if not isinstance(items, dict) or len(values) % 2:
            raise self.damaged()
        for key, value in zip(values[::2], values[1::2], strict=True):
            items[self._key(key)] = value

    def _append(self, _: Any) -> None:
        self._extend(self._pop(1))

    def _appends(self, _: Any) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        entries = target.entries if isinstance(target, Call) else target
        if not isinstance(entries, list):
            raise self.damaged()
        entries.extend(values)

    def _additems(self, _: Any) -> None:
        values = self._pop_to_mark()
        if not isinstance(self.stack[-1], set):
            raise self.damaged()
        self.stack[-1].update(map(self._key, values))

    def _pop_mark(self, _: Any) -> None:
        self._pop_to_mark()
