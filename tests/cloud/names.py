"""A name server that knows no name, and remembers what was asked: names that lead somewhere stand in /etc/hosts."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NO_SUCH_NAME = 0x8183  # a response, recursion as asked, NXDOMAIN


@contextmanager
def refusing(questions: socket.socket, note: Callable[[str], None]) -> Iterator[None]:
    closing = threading.Event()
    questions.settimeout(0.05)
    thread = threading.Thread(target=_refuse, args=(questions, note, closing), daemon=True)
    thread.start()
    try:
        yield
    finally:
        closing.set()
        thread.join()


def _refuse(questions: socket.socket, note: Callable[[str], None], closing: threading.Event) -> None:
    while not closing.is_set():
        try:
            question, asker = questions.recvfrom(512)
        except TimeoutError:
            continue
        name, end = _name(question)
        note(name)
        questions.sendto(question[:2] + NO_SUCH_NAME.to_bytes(2) + b"\0\1" + bytes(6) + question[12:end], asker)


def _name(question: bytes) -> tuple[str, int]:
    """The name asked for, and where the question ends, four bytes of type and class after it."""
    labels, at = [], 12
    while size := question[at]:
        labels.append(question[at + 1 : at + 1 + size].decode("ascii", "replace"))
        at += 1 + size
    return ".".join(labels).lower(), at + 5
