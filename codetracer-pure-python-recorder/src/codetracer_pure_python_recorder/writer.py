"""Writes `trace.json`, `trace_metadata.json` and `trace_paths.json`.

Owns the ids: a path, function, variable name or type gets its id and its definition event when it is first asked for,
so every definition stands before its first use. The events are written as they come; nothing is ever rewritten.
"""

import json
import os
import re

FLUSH_AT = 1 << 20  # characters collected before they go to the file
TYPE_KIND_NONE = 30
SURROGATE = re.compile("[\ud800-\udfff]")


def json_text(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def utf8_path(path):
    """A path as the trace shows it: bytes that are no UTF-8 (lone surrogates to Python) become U+FFFD."""
    return SURROGATE.sub("\ufffd", path)


def utf8_text(text):
    """Text as the trace shows it: lone surrogates become their escape, a subclass of str its plain text."""
    return str.__str__(text).encode("utf-8", "backslashreplace").decode("utf-8")


class TraceWriter:
    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self._folder = folder
        # Unbuffered, so that a forked child never holds text that its exit would write a second time.
        self._file = open(os.path.join(folder, "trace.json"), "wb", buffering=0)
        self._owner = os.getpid()
        self._pending = []
        self._pending_size = 0
        self._separator = "["
        self._paths = {}
        self._functions = {}
        self._variables = {}
        self._types = {}

    # Definitions.

    def path(self, path):
        path = utf8_path(path)
        if path not in self._paths:
            self._paths[path] = len(self._paths)
            self._emit({"Path": path})
        return self._paths[path]

    def function(self, path, line, name):
        key = (self.path(path), line, utf8_text(name))
        if key not in self._functions:
            self._functions[key] = len(self._functions)
            self._emit({"Function": {"path_id": key[0], "line": line, "name": key[2]}})
        return self._functions[key]

    def variable(self, name):
        name = utf8_text(name)
        if name not in self._variables:
            self._variables[name] = len(self._variables)
            self._emit({"VariableName": name})
        return self._variables[name]

    def type(self, kind, lang_type, fields=None, identity=None):
        """`fields`: (name, type id) of each field of a struct; `identity` keeps classes of one name apart."""
        key = (kind, lang_type, fields, identity)
        if key not in self._types:
            self._types[key] = len(self._types)
            info = {"kind": "None"}
            if fields is not None:
                info = {"kind": "Struct", "fields": [{"name": name, "type_id": type_id} for name, type_id in fields]}
            self._emit({"Type": {"kind": kind, "lang_type": lang_type, "specific_info": info}})
        return self._types[key]

    # Events.

    def start(self, path):
        self.call(self.function(path, 1, "<toplevel>"), [])
        self.type(TYPE_KIND_NONE, "None")

    def step(self, path, line):
        self._emit({"Step": {"path_id": self.path(path), "line": line}})

    def value(self, name, record):
        self._emit({"Value": {"variable_id": self.variable(name), "value": record}})

    def call(self, function_id, arguments):
        """`arguments`: pairs of name and value record."""
        args = [{"variable_id": self.variable(name), "value": record} for name, record in arguments]
        self._emit({"Call": {"function_id": function_id, "args": args}})

    def call_return(self, record):
        self._emit({"Return": {"return_value": record}})

    def output(self, kind, text):
        self._emit({"Event": {"kind": kind, "metadata": "", "content": utf8_text(text)}})

    def thread(self, event, thread_id):
        self._emit({event: thread_id})

    def finish(self, metadata):
        self._emit_text("]")
        self._flush()
        self._file.close()
        for name, content in (("trace_metadata.json", metadata), ("trace_paths.json", list(self._paths))):
            with open(os.path.join(self._folder, name), "w", encoding="utf-8") as file:
                file.write(json_text(content))

    def _emit(self, event):
        self._emit_text(self._separator + json_text(event))
        self._separator = ","

    def _emit_text(self, text):
        self._pending.append(text)
        self._pending_size += len(text)
        if self._pending_size >= FLUSH_AT:
            self._flush()

    def _flush(self):
        if os.getpid() != self._owner:
            return
        data = memoryview("".join(self._pending).encode("utf-8"))
        while data:
            data = data[self._file.write(data):]
        self._pending = []
        self._pending_size = 0
