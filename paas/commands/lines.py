"""One line typed on a raw terminal: edited, remembered, completed.

Keys as readline has them by default. Reads and writes through a Console alone.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from paas.console import Console
from paas.polling import readable

KEPT = 500
LINE_LENGTH = 64 << 10
# what terminals send for keys (ECMA-48, xterm's ctlseqs)
ESCAPES = {
    b"[A": "up", b"[B": "down", b"[C": "right", b"[D": "left", b"[H": "home", b"[F": "end",
    b"OA": "up", b"OB": "down", b"OC": "right", b"OD": "left", b"OH": "home", b"OF": "end",
    b"[1~": "home", b"[4~": "end", b"[3~": "delete", b"[7~": "home", b"[8~": "end",
}  # fmt: skip
CONTROLS = {
    b"\x01": "home", b"\x02": "left", b"\x03": "interrupt", b"\x04": "end of input",
    b"\x05": "end", b"\x06": "right", b"\x08": "back", b"\x09": "complete", b"\x0a": "done",
    b"\x0b": "cut rest", b"\x0c": "clear", b"\x0d": "done", b"\x0e": "down", b"\x10": "up",
    b"\x15": "cut line", b"\x17": "cut word", b"\x7f": "back",
}  # fmt: skip

# bytes of a character of UTF-8, by its first byte
SIZES = ((4, 0xF0), (3, 0xE0), (2, 0xC0))

Complete = Callable[[str], Sequence[str]]  # what a line's last word may become


@dataclass(slots=True)
class Editor:
    """Lines of one session, in memory alone: they may hold secrets."""

    console: Console
    prompt: str
    complete: Complete
    history: list[str] = field(default_factory=list)
    text: str = ""
    place: int = 0
    steps_back: int = 0  # in the history
    draft: str = ""

    def line(self, keys: Iterator[str]) -> str | None:
        """The next line; None at the end of input."""
        self.text, self.place, self.steps_back, self.draft = "", 0, 0, ""
        self.show()
        for key in keys:
            if key == "done":
                self.console.write(b"\r\n")
                self.remember()
                return self.text
            if key == "end of input" and not self.text:
                self.console.write(b"\r\n")
                return None
            self.act(key)
            self.show()
        return None

    def remember(self) -> None:
        if self.text.strip() and self.history[-1:] != [self.text]:
            self.history = [*self.history[1 - KEPT :], self.text]

    def act(self, key: str) -> None:
        action = ACTIONS.get(key)
        if action is not None:
            action(self)
        elif len(key) == 1 and key.isprintable() and len(self.text) < LINE_LENGTH:
            self.replace(self.place, self.place, key)

    # -- changing ------------------------------------------------------------------------

    def replace(self, start: int, end: int, text: str) -> None:
        self.text = self.text[:start] + text + self.text[end:]
        self.place = start + len(text)

    def cut_back(self) -> None:
        self.replace(max(0, self.place - 1), self.place, "")

    def cut_next(self) -> None:
        self.replace(self.place, self.place + 1, "")

    def cut_word(self) -> None:
        kept = self.text[: self.place].rstrip()
        self.replace(kept.rfind(" ") + 1, self.place, "")

    def cut_rest(self) -> None:
        self.replace(self.place, len(self.text), "")

    def cut_line(self) -> None:
        self.replace(0, self.place, "")

    def drop(self) -> None:
        self.console.write(b"^C\r\n")
        self.replace(0, len(self.text), "")

    # -- moving --------------------------------------------------------------------------

    def move(self, place: int) -> None:
        self.place = max(0, min(len(self.text), place))

    def go(self, back: int) -> None:
        """To a line of the history; 0 is the one being typed."""
        if not 0 <= back <= len(self.history):
            return
        if self.steps_back == 0:
            self.draft = self.text
        self.steps_back = back
        self.text = self.history[-back] if back else self.draft
        self.place = len(self.text)

    def clear(self) -> None:
        self.console.write(b"\x1b[H\x1b[2J")

    # -- completing ----------------------------------------------------------------------

    def fill_in(self) -> None:
        before = self.text[: self.place]
        start = before.rfind(" ") + 1
        found = sorted(set(self.complete(before)))
        if not found:
            return
        first, last = found[0], found[-1]
        same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
        shared = "".join(one for one, _ in same)
        whole = f"{shared} " if len(found) == 1 else shared
        if whole != before[start:]:
            self.replace(start, self.place, whole)
        else:
            self.console.write(b"\r\n" + "  ".join(found).encode() + b"\r\n")

    # -- showing -------------------------------------------------------------------------

    def show(self) -> None:
        """The line anew, as much of it as there is room for, the cursor where it belongs."""
        _, columns = self.console.size()
        room = max(10, columns - len(self.prompt) - 1)
        start = max(0, self.place - room + 1)
        shown = self.text[start : start + room]
        after = sum(map(width, shown[self.place - start :]))
        back = f"\x1b[{after}D" if after else ""
        self.console.write(f"\r{self.prompt}{shown}\x1b[K{back}".encode())


def width(character: str) -> int:
    """How many columns a terminal gives a character."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


ACTIONS: dict[str, Callable[[Editor], None]] = {
    "back": Editor.cut_back,
    "delete": Editor.cut_next,
    "end of input": Editor.cut_next,
    "cut word": Editor.cut_word,
    "cut rest": Editor.cut_rest,
    "cut line": Editor.cut_line,
    "interrupt": Editor.drop,
    "left": lambda one: one.move(one.place - 1),
    "right": lambda one: one.move(one.place + 1),
    "home": lambda one: one.move(0),
    "end": lambda one: one.move(len(one.text)),
    "up": lambda one: one.go(one.steps_back + 1),
    "down": lambda one: one.go(one.steps_back - 1),
    "clear": Editor.clear,
    "complete": Editor.fill_in,
}


def keys(console: Console, gone: int) -> Iterator[str]:
    """What is typed: characters, and keys by their names; ends with the input or with gone.

    No more of the input is taken than that: what follows a line is for its command to read.
    """
    data = b""
    while True:
        while data:
            key, used = first_key(data)
            if not used:
                break
            data = data[used:]
            if key:
                yield key
        ready = readable((console.stdin, gone))
        if gone in ready or not (more := console.read(1)):
            return
        data = (data + more)[:LINE_LENGTH]


def first_key(data: bytes) -> tuple[str, int]:
    """A key and how many bytes it is; 0 when the rest of it is still to come."""
    if data[:1] == b"\x1b":
        return escape(data)
    if data[:1] in CONTROLS:
        return CONTROLS[data[:1]], 1
    return character(data)


def character(data: bytes) -> tuple[str, int]:
    """A character of UTF-8; a byte that begins none stands for itself, marked."""
    size = next((size for size, least in SIZES if data[0] >= least), 1)
    follows = all(0x80 <= byte <= 0xBF for byte in data[1:size])
    if len(data) < size and follows:
        return "", 0
    try:
        return data[:size].decode(), size
    except UnicodeDecodeError:
        return "\ufffd", 1


def escape(data: bytes) -> tuple[str, int]:
    """A key that is sent as a sequence; an unknown one is no key."""
    body = data[1:2]
    if not body:
        return "", 0
    if body not in (b"[", b"O"):
        return "", 2
    for place in range(2, min(len(data), 16)):
        if 0x40 <= data[place] <= 0x7E:
            return ESCAPES.get(data[1 : place + 1], ""), place + 1
    return ("", 0) if len(data) < 16 else ("", len(data))
