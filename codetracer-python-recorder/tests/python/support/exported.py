"""What the linear formats must say of a recording, worked out from `codetracer-trace print --json` of its journal by the rules of docs/values.md (values
and cuts) and docs/architecture.md (one call stack for all threads; a generator's call in pieces). Shares no code with the exporters.

A value is (type name, content), content being a number's or other text, a float, a bool, or the list of what is inside. An address is written @.
"""

import ast
import re
from collections import deque

NODES, CONTAINER_DEPTH, ATTRIBUTE_DEPTH, STRING_BYTES, NESTING = 1000, 6, 2, 16 * 1024, 32
OUTPUT_KINDS = {"stdout": "ioStdout", "stderr": "ioStderr", "stdin": "ioFileOp"}
CONTAINERS = {"list": "List", "tuple": "Tuple", "dict": "Dict", "set": "Set", "frozenset": "FrozenSet"}
SCALARS = {"int": "Int", "float": "Float", "str": "String"}


def without_address(text):
    return re.sub(r"(?<= at )0x[0-9a-f]+(?=[>›])", "@", text)


class Node:
    """A value before the cuts of the exports. shape: "scalar", "container" or "object"; a dict's children are its pairs."""

    def __init__(self, type_name, shape, content=None, children=(), length=None, plain=None):
        self.type_name, self.shape, self.content, self.children = type_name, shape, content, list(children)
        self.length = len(self.children) if length is None else length
        self.plain = plain or type_name  # as a cut names it
        self.kept = None  # children that the limits leave


def escaped(text):
    """A lone surrogate as its escape."""
    return re.sub("[\ud800-\udfff]", lambda found: "\\u%04x" % ord(found[0]), text)


def raw(type_name, text):
    return Node(type_name, "scalar", without_address(escaped(text)))


def more(kept, length):
    return f"‹… {length - kept} more of {length}›" if kept < length else ""


def string(text, type_name="String", length=None):
    kept = text
    while len(kept.encode("utf-8", "surrogatepass")) > STRING_BYTES:
        kept = kept[: -max(1, (len(kept.encode("utf-8", "surrogatepass")) - STRING_BYTES) // 4)]
    return Node(type_name, "scalar", escaped(kept) + more(len(kept), length or len(text)))


def bytes_like(type_name, literal, length):
    """The text is the literal of bytes for bytearrays and memoryviews too."""
    all_of_it = ast.literal_eval(literal)
    shown = repr(all_of_it[:STRING_BYTES])
    if type_name in ("bytearray", "memoryview"):
        shown = f"{type_name}({shown})"
    return Node(type_name, "scalar", shown + more(len(all_of_it[:STRING_BYTES]), length or len(all_of_it)))


def node(value):
    """docs/print-json.md, "Values", read backwards."""
    if value is None:
        return Node("None", "scalar", "")
    if isinstance(value, bool):
        return Node("Bool", "scalar", value)
    if isinstance(value, int):
        return Node("Int", "scalar", str(value))
    if isinstance(value, float):
        return Node("Float", "scalar", value)
    if isinstance(value, str):
        return string(value)
    if isinstance(value, list):
        return Node("List", "container", None, map(node, value), plain="list")
    if "type" not in value:
        return Node("Dict", "container", None, [(node(key), node(item)) for key, item in value.items()], plain="dict")
    name = value["type"]
    if value.get("cycle"):
        return raw(name, f"<cycle: {name} at 0x0>")
    if value.get("cut") and "fields" not in value:
        return Node("Cut", "scalar", f"‹… {name} of {value['length']}›" if "length" in value else f"‹… {name} at @›")
    if "items" in value:
        base = value.get("base", name)
        children = [(node(key), node(item)) for key, item in value["items"]] if base == "dict" else map(node, value["items"])
        return Node(CONTAINERS.get(name, name), "container", None, children, value.get("length"), plain=name)
    if "fields" in value:
        return Node(name, "object", None, map(node, value["fields"].values()))
    if "text" in value and re.match("b['\"]", value["text"]):
        return bytes_like(name, value["text"], value.get("length"))
    if "text" in value:
        return raw(name, value["text"])
    if "address" in value:
        return raw(name, f"<{name} at 0x0>")
    inner = value["value"]
    if name == "int":
        return Node("Int", "scalar", str(int(inner, 0)))
    if name == "float":
        return Node("Float", "scalar", float(inner))
    if name == "str":
        return string(inner, length=value.get("length"))
    of_base = node(inner)  # a subclass of int, float, str …: its base's storage
    return Node(name, of_base.shape, of_base.content)


def limited(root):
    """docs/values.md, "Limits": the first nodes, breadth first; then what is too deep."""
    count, waiting = 1, deque([(root, 0, 0)])
    while waiting:
        parent, containers, attributes = waiting.popleft()
        if parent.shape == "scalar":
            continue
        if containers >= CONTAINER_DEPTH if parent.shape == "container" else attributes >= ATTRIBUTE_DEPTH:
            parent.kept = "too deep"
            continue
        inside = (containers + 1, attributes) if parent.shape == "container" else (containers, attributes + 1)
        parent.kept = []
        for child in parent.children:
            parts = child if isinstance(child, tuple) else (child,)
            if count + len(parts) > NODES:
                break
            count += len(parts)
            parent.kept.append(child)
            waiting.extend((part, *inside) for part in parts)
    return root


def shown(value):
    """A value of print --json as the exports show it."""
    return content_of(limited(node(value)))


def content_of(at):
    if at.shape == "scalar":
        return at.type_name, at.content
    if at.kept == "too deep":
        return "Cut", f"‹… {at.plain} of {at.length}›" if at.shape == "container" else f"‹… {at.plain} at @›"
    parts = [("Tuple", [content_of(part) for part in child]) if isinstance(child, tuple) else content_of(child) for child in at.kept]
    if at.shape == "object":
        parts += [("Cut", "‹…›")] * (at.length - len(parts))
    elif len(parts) < at.length:
        parts.append(("Cut", f"‹… {at.length - len(parts)} more of {at.length}›"))
    return at.type_name, parts


class Exported:
    """steps: (path, line, [(name, value)]) or ("sekThread…", number); calls: dicts; output: (kind, step, text)."""

    def __init__(self, events, status):
        self.steps, self.calls, self.output = [], [], []
        self.columns = {}  # of steps by number; of others it is not known, and shown as 1
        self.open, self.thread, self.first = [], None, True
        self.stacks, self.functions, self.threads_seen = {}, {}, set()
        self.pending = None
        self.enter("<toplevel>", None, None, [])
        for event in events:
            self.take(event)
        self.settle()
        self.close()
        self.leave(("Int", str(status)))
        for key, call in enumerate(self.calls):
            call["children"] = [child for child, other in enumerate(self.calls) if other["parent"] == key]

    def take(self, event):
        kind, thread = event["event"], event["thread"]
        if kind == "thread-start":
            self.start(thread)
        elif kind == "thread-exit":
            self.settle()
            if self.thread == thread:
                self.close()
                self.thread = None
            self.stacks.pop(thread, None)
            self.steps.append(("sekThreadExit", thread))
        elif kind == "output":
            self.switch(thread)
            if self.pending and self.pending[0] != event["stream"]:
                self.settle()
            self.pending = (event["stream"], (self.pending[1] if self.pending else "") + event["text"])
        elif kind in ("call", "resume", "throw"):
            self.settle()
            self.switch(thread)
            if kind == "call":
                name = f"<{event['module'] or 'module'}>" if event["function"] == "<module>" else event["function"]
                self.functions[event["activation"]] = (name, event["file"], event["line"])
            arguments = [(name, shown(value)) for name, value in event.get("arguments", {}).items()]
            if kind == "throw":
                arguments = [("exception", shown(event["value"]))]
            self.enter(*self.functions[event["activation"]], arguments)
            self.stacks[thread].append(event["activation"])
        elif kind in ("return", "yield", "unwind", "lost"):
            self.settle()
            self.switch(thread)
            self.stacks[thread].pop()
            self.leave(shown(event["value"]) if kind != "lost" else ("None", ""))
        elif kind == "step":
            self.settle()
            self.switch(thread)
            self.columns[len(self.steps)] = event.get("column", 1)
            self.steps.append((event["file"], event["line"], [(name, shown(value)) for name, value in event["locals"].items()]))

    def enter(self, name, path, line, arguments):
        call = dict(function=name, args=arguments, entry=len(self.steps), depth=len(self.open), parent=self.open[-1] if self.open else -1)
        self.open.append(len(self.calls))
        self.calls.append(call)
        if path:
            self.steps.append((path, line, []))

    def leave(self, value):
        call = self.calls[self.open.pop()]
        call["value"], call["exit"] = value, max(0, len(self.steps) - 1)

    def settle(self):
        if self.pending:
            stream, text = self.pending
            for line in re.findall(r"[^\n]*\n|[^\n]+", text):
                self.output.append((OUTPUT_KINDS[stream], max(0, len(self.steps) - 1), line))
        self.pending = None

    def start(self, thread):
        if thread in self.threads_seen:
            return
        self.threads_seen.add(thread)
        self.stacks[thread] = []
        if self.first:
            self.first, self.thread = False, thread
        else:
            self.settle()
            self.steps.append(("sekThreadStart", thread))

    def close(self):
        while len(self.open) > 1:
            self.leave(("None", ""))

    def switch(self, thread):
        if self.thread == thread:
            return
        self.start(thread)
        if self.thread == thread:
            return
        self.settle()
        self.close()
        self.thread = thread
        self.steps.append(("sekThreadSwitch", thread))
        for activation in self.stacks[thread]:
            self.enter(*self.functions[activation], [])
