"""Sees the text that the program writes to its standard output and error and reads from its standard input.

`sys.stdout` and `sys.stderr` stay the objects they are; only their `write` is covered by an attribute of the instance.
`sys.stdin` is replaced by a stand-in, because iterating over a text file never asks for an attribute.
"""

import sys

OUTPUT, ERROR_OUTPUT, INPUT = 0, 2, 3  # kinds of Event in the trace


class Write:
    """`stream.write`, with the text told to the recorder afterwards."""

    def __init__(self, stream, kind, note):
        self._write = stream.write
        self._kind = kind
        self._note = note

    def __call__(self, text):
        result = self._write(text)
        self._note(self._kind, text)
        return result


class Input:
    """Stands in for `sys.stdin`."""

    def __init__(self, stream, note):
        self._stream = stream
        self._note = note

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def __iter__(self):
        return self

    def __next__(self):
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def read(self, *size):
        return self._noted(self._stream.read(*size))

    def readline(self, *size):
        return self._noted(self._stream.readline(*size))

    def readlines(self, *hint):
        lines = self._stream.readlines(*hint)
        self._noted("".join(lines))
        return lines

    def original(self):
        return self._stream

    def _noted(self, text):
        if text:
            self._note(INPUT, text)
        return text


def watch(note):
    """`note(kind, text)` is called for all text from now on."""
    for stream, kind in ((sys.stdout, OUTPUT), (sys.stderr, ERROR_OUTPUT)):
        if stream is not None:
            stream.write = Write(stream, kind, note)
    if sys.stdin is not None:
        sys.stdin = Input(sys.stdin, note)
