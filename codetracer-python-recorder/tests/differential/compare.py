"""Compares two recordings of one program event by event and local by local.

    python compare.py FOLDER_A FOLDER_B        exit 0: the same; 1: differences, on stdout; 2: a folder cannot be read

`compare(folder_a, folder_b)` gives the differences as text, [] if there are none. What is tolerated is listed in
NORMALISATIONS and nothing else is: every step, every variable with its order, every call, return, output and value counts.
"""

import json
import os
import re
import sys

NORMALISATIONS = {
    "ids": "Ids of paths, functions, variables and types are numbers of order of appearance. They are replaced by what "
    "they stand for: a path; (path, line, name); a name; (kind, name, field names).",
    "addresses": "An address becomes @1, @2, ... in order of appearance within one step's snapshot, one call or one "
    "return. So identity counts where objects live at the same time; across steps it does not, for a freed object's "
    "address is used again at other moments in each run.",
    "set order": "The elements of sets are sorted: a set of objects is ordered by their addresses.",
    "threads": "Which thread runs when is up to the operating system. Each thread is compared with itself; the Returns "
    "and Calls that only close and reopen a thread's calls around a ThreadSwitch are left out; ThreadStart and "
    "ThreadExit must name the same threads.",
    "thread objects": "Thread objects and locks change while other threads run, and carry numbers of the operating system. "
    "Instances of THREAD_MODULES are compared by their type, instances of Thread subclasses without THREAD_FIELDS.",
    "chunks": "Text of one stream within one step is joined: where a recorder cuts it is not what the program did, and a "
    "change of threads between two writes cuts it too.",
}

SET_KIND = 1
DEFINITIONS = ("Path", "Function", "VariableName", "Type")
THREAD_MODULES = ("threading.", "_thread.", "queue.", "_queue.", "concurrent.futures.")
THREAD_FIELDS = set(
    "_target _name _args _kwargs _daemonic _ident _native_id _tstate_lock _handle _started _is_stopped _initialized "
    "_stderr _invoke_excepthook _context".split()
)
MAX_DEPTH = 10000
MAX_MESSAGES = 20
MAX_TEXT = 300
ADDRESS = re.compile(r"(?<= at )0x[0-9a-f]+(?=[>›])")


class Trace:
    """A `trace.json` with its ids resolved: `threads` maps a thread's number to its list of entries.

    An entry is a dict: {"what": "Step", "path", "line", "values": [(name, value), ...]}, {"what": "Call", "function",
    "args"}, {"what": "Return", "value"} or {"what": "Event", "kind", "text"}.
    """

    def __init__(self, folder):
        with open(os.path.join(folder, "trace.json"), encoding="utf-8") as file:
            events = json.load(file)
        self._paths, self._functions, self._variables, self._types = [], [], [], []
        self.threads = {1: []}
        self.started, self.exited = [], []
        self._entries = self.threads[1]
        self._thread = 1
        self._closed = {}  # thread -> the Returns of None right before the switch away from it
        self._addresses = {}
        self._read([next(iter(event.items())) for event in events])

    def _read(self, events):
        # Ids count the definitions, so these can be read first; that each precedes its use is ct-verify's business.
        for what, content in events:
            if what in DEFINITIONS:
                getattr(self, "_on_" + what.lower())(content)
        events = [event for event in events if event[0] not in DEFINITIONS]
        position = 0
        while position < len(events):
            what, content = events[position]
            position += 1
            if what == "ThreadSwitch":
                self._leave_thread()
                position += self._enter_thread(content, events[position:position + 2 * MAX_DEPTH])
            else:
                getattr(self, "_on_" + what.lower())(content)
        for number, closed in self._closed.items():
            self.threads[number] += closed

    # Definitions.

    def _on_path(self, path):
        self._paths.append(path)

    def _on_function(self, function):
        self._functions.append((self._paths[function["path_id"]], function["line"], function["name"]))

    def _on_variablename(self, name):
        self._variables.append(name)

    def _on_type(self, content):
        fields = content["specific_info"].get("fields")
        names = None if fields is None else [field["name"] for field in fields]
        self._types.append((content["kind"], content["lang_type"], names))

    # Entries.

    def _on_step(self, step):
        self._addresses = {}
        self._entries.append(
            {"what": "Step", "path": self._paths[step["path_id"]], "line": step["line"], "values": []}
        )

    def _on_value(self, content):
        pair = (self._variables[content["variable_id"]], self._value(content["value"]))
        newest = self._entries[-1]
        if newest["what"] != "Step":
            raise ValueError("a Value of %r does not follow a Step" % (pair[0],))
        newest["values"].append(pair)

    def _on_call(self, call):
        self._addresses = {}
        function = self._functions[call["function_id"]]
        args = [(self._variables[arg["variable_id"]], self._value(arg["value"])) for arg in call["args"]]
        self._entries.append({"what": "Call", "function": function, "args": args})

    def _on_return(self, content):
        self._addresses = {}
        self._entries.append({"what": "Return", "value": self._value(content["return_value"])})

    def _on_event(self, event):
        newest = self._entries[-1]
        if newest["what"] == "Event" and newest["kind"] == event["kind"]:
            newest["text"] += event["content"]
        else:
            self._entries.append({"what": "Event", "kind": event["kind"], "text": event["content"]})

    # Threads.

    def _on_threadstart(self, number):
        self.started.append(number)

    def _on_threadexit(self, number):
        self.exited.append(number)

    def _leave_thread(self):
        """Takes away the Returns that may only close the calls of the thread; `_enter_thread` knows how many do."""
        closed = self._closed[self._thread] = []
        while self._entries and self._entries[-1]["what"] == "Return" and self._entries[-1]["value"]["kind"] == "None":
            closed.append(self._entries.pop())

    def _enter_thread(self, number, following):
        """Gives the number of events that only reopen the thread's calls: pairs of Step and Call without arguments."""
        self._thread = number
        self._entries = self.threads.setdefault(number, [])
        closed = self._closed.pop(number, [])
        reopened = 0
        while closed and is_reopening(following[2 * reopened:2 * reopened + 2]):
            reopened += 1
            closed.pop()
        self._entries += closed
        return 2 * reopened

    # Values.

    def _value(self, record):
        kind, name, fields = self._types[record["type_id"]]
        value = {key: part for key, part in record.items() if key not in ("type_id", "elements", "field_values", "r")}
        value["type"] = (kind, name)
        if name.startswith(THREAD_MODULES):
            value["r"] = ""
        elif "r" in record:
            value["r"] = ADDRESS.sub(self._number, record["r"])
        if "elements" in record:
            elements = [self._value(element) for element in record["elements"]]
            value["elements"] = sorted(elements, key=json.dumps) if kind == SET_KIND else elements
        if "field_values" in record:
            if len(record["field_values"]) != len(fields):
                raise ValueError("a %s has %d values for %s" % (name, len(record["field_values"]), fields))
            ignored = THREAD_FIELDS if "_native_id" in fields else ()
            pairs = [] if name.startswith(THREAD_MODULES) else zip(fields, record["field_values"])
            value["fields"] = [(field, self._value(part)) for field, part in pairs if field not in ignored]
        return value

    def _number(self, match):
        return "@%d" % self._addresses.setdefault(match.group(), len(self._addresses) + 1)


def is_reopening(events):
    return [what for what, _ in events] == ["Step", "Call"] and not events[1][1]["args"]


def show(value):
    """A value as a person would write it, with its type."""
    text = _show(value)
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "..."


def _show(value):
    kind, type_name = value["kind"], value["type"][1]
    if kind == "None":
        return "None"
    if "elements" in value:
        return "%s[%s]" % (type_name, ", ".join(_show(element) for element in value["elements"]))
    if "fields" in value:
        return "%s(%s)" % (type_name, ", ".join("%s=%s" % (name, _show(part)) for name, part in value["fields"]))
    text = next((value[key] for key in ("i", "f", "text", "r", "msg", "b") if key in value), "")
    return "%s %s%r" % (type_name, "-" if value.get("negative") else "", text)


def show_entry(entry):
    what = entry["what"]
    if what == "Step":
        return "Step %s:%d" % (entry["path"], entry["line"])
    if what == "Call":
        return "Call %s (%s:%d)" % (entry["function"][2], entry["function"][0], entry["function"][1])
    if what == "Return":
        return "Return %s" % show(entry["value"])
    return "Event %d %r" % (entry["kind"], entry["text"])


def compare(folder_a, folder_b):
    """The differences between two recordings, the first one first."""
    a, b = Trace(folder_a), Trace(folder_b)
    messages = []
    for name, left, right in (("started", a.started, b.started), ("exited", a.exited, b.exited)):
        if sorted(left) != sorted(right):
            messages.append("threads %s: A %s, B %s" % (name, sorted(left), sorted(right)))
    for number in sorted(set(a.threads) | set(b.threads)):
        messages += _compare_thread(number, a.threads.get(number, []), b.threads.get(number, []))
    return messages[:MAX_MESSAGES]


def _compare_thread(number, a, b):
    messages = []
    stack, place = [], "before the first step"
    for index, (left, right) in enumerate(zip(a, b)):
        where = "thread %d, entry %d, %s" % (number, index, place)
        if not _same_shape(left, right):
            messages.append("%s: A has %s, B has %s" % (where, show_entry(left), show_entry(right)))
            return messages
        if left["what"] == "Step":
            place = "%s:%d in %s" % (left["path"], left["line"], stack[-1] if stack else "no call")
            where = "thread %d, entry %d, %s" % (number, index, place)
            messages += _compare_variables(where + ": variable", left["values"], right["values"])
        elif left["what"] == "Call":
            stack.append(left["function"][2])
            messages += _compare_variables("%s: call of %s: argument" % (where, stack[-1]), left["args"], right["args"])
        elif left["what"] == "Return":
            if left["value"] != right["value"]:
                values = (show(left["value"]), show(right["value"]))
                messages.append("%s: return value of %s: A %s, B %s" % ((where, stack[-1] if stack else "?") + values))
            if stack:
                stack.pop()
    if len(a) != len(b):
        longer, rest = ("A", a[len(b):]) if len(a) > len(b) else ("B", b[len(a):])
        messages.append(
            "thread %d, after entry %d, %s: only %s goes on, by %d entries, with %s"
            % (number, min(len(a), len(b)) - 1, place, longer, len(rest), show_entry(rest[0]))
        )
    return messages


def _same_shape(left, right):
    """Whether two entries are the same event; their values are compared after that."""
    keys = ("what", "path", "line", "function", "kind", "text")
    return all(left.get(key) == right.get(key) for key in keys)


def _compare_variables(where, left, right):
    if left == right:
        return []
    messages = []
    a, b = dict(left), dict(right)
    for name in dict.fromkeys(list(a) + list(b)):
        values = [show(side[name]) if name in side else "(absent)" for side in (a, b)]
        if a.get(name) != b.get(name):
            messages.append("%s %s: A %s, B %s%s" % (where, name, values[0], values[1], _detail(a.get(name), b.get(name))))
    if not messages:
        messages.append("%s order: A %s, B %s" % (where, [name for name, _ in left], [name for name, _ in right]))
    return messages


def _detail(a, b):
    """Where two values that look alike differ, when their texts do not tell."""
    if a is None or b is None or show(a) != show(b):
        return ""
    return " (A %s, B %s)" % _first_difference(a, b)


def _first_difference(a, b):
    for key in ("elements", "fields"):
        for part_a, part_b in zip(a.get(key, ()), b.get(key, ())):
            part_a, part_b = (part_a[1], part_b[1]) if key == "fields" else (part_a, part_b)
            if part_a != part_b:
                return _first_difference(part_a, part_b)
    return json.dumps(a)[:MAX_TEXT], json.dumps(b)[:MAX_TEXT]


def main(arguments):
    if len(arguments) != 2:
        print("usage: compare.py FOLDER_A FOLDER_B", file=sys.stderr)
        return 2
    try:
        messages = compare(*arguments)
    except (OSError, ValueError, KeyError, IndexError) as error:
        print("cannot be read: %s: %s" % (type(error).__name__, error), file=sys.stderr)
        return 2
    for message in messages:
        print(message)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
