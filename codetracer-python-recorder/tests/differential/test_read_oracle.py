"""codetracer_python_recorder.read against the pure-Python recorder, step by step and local by local.

The recorder writes a journal, which is read as Python objects; the oracle writes trace.json, which compare.py reads. The two share nothing but docs/values.md.
The journal holds more than an export: where the oracle's limits cut, what is beyond is not compared.
"""

import ast
import re
import struct

import pytest
from test_differential import ORACLE, PROGRAMS, run

from compare import ADDRESS, THREAD_FIELDS, THREAD_MODULES, Trace, show
from codetracer_python_recorder import read
from codetracer_python_recorder.reader import Cut, Literal, Object, Opaque

NAMES = """
    async_generators asyncio_exception builtin_subclasses bytes_values class_body closures comprehension_module complex_numbers coroutines cycles dataclasses_kinds dates
    deep_values delete_locals deques dict_mutation enums exception_attributes exception_groups floats generator_close generator_send generator_throw generators
    global_variables hostile_methods hostile_names instances integers lambdas list_mutation long_values many_attributes metaclass named_tuples numbers_exact ordered_dicts
    other_values parameter_kinds paths_and_uuids ranges_slices recursion sets shared_references slots string_exceptions strings threads threads_local unbound_locals
    unicode_strings walrus
""".split()

MARK = re.compile(r"‹… .*›$|‹…›$", re.S)
BUILT_IN = {"Int": int, "Float": float, "String": str, "Bool": bool, "List": list, "Tuple": tuple, "Dict": dict, "Set": set, "FrozenSet": frozenset}


def escaped(text):
    """Lone surrogates as trace.json writes them."""
    return "".join(f"\\u{ord(letter):04x}" if "\ud800" <= letter <= "\udfff" else letter for letter in text)


def difference(seen, told, path=()):
    """What a value that was read says otherwise than the oracle's record; None: they agree."""
    kind, (_, name) = told["kind"], told["type"]
    if MARK.search(told.get("r", "")) or name == "Cut":
        return None
    if name.startswith(THREAD_MODULES):
        return None if getattr(seen, "type", None) == name else f"{seen!r} is no {name}"
    if told.get("r", "").startswith("<cycle: "):
        return None if any(seen is above for above in path) else f"{seen!r} is not within itself"
    if isinstance(seen, Cut):
        return None if kind == "String" and told["text"].startswith(escaped(seen.value)[:100]) else f"{seen!r} is cut, {show(told)} is not"
    if name in BUILT_IN and type(seen) is not BUILT_IN[name]:
        return f"{seen!r} is not of type {name}"
    if name not in BUILT_IN and isinstance(seen, (Object, Literal, Opaque)) and seen.type != name:
        return f"{seen!r} is of type {seen.type}, not {name}"
    plain = seen.value if isinstance(seen, Object) and seen.value is not None else seen
    path = (*path, seen)
    if kind == "Raw":
        return raw_difference(seen, plain, told["r"])
    if "fields" in told:
        fields = {part: getattr(seen, part) for part in ("start", "stop", "step")} if isinstance(seen, (range, slice)) else seen.fields
        wanted = [(field, part) for field, part in told["fields"]]
        ignored = THREAD_FIELDS if "_native_id" in fields else ()
        if [field for field in fields if field not in ignored] != [field for field, _ in wanted]:
            return f"fields {list(fields)}, not {[field for field, _ in wanted]}"
        return first(difference(fields[field], part, path) for field, part in wanted)
    if "elements" in told:
        return elements_difference(plain, told, path)
    if kind == "None":
        return None if seen is None else f"{seen!r} is not None"
    if kind == "Float":
        return None if struct.pack("<d", plain) == struct.pack("<d", float(told["f"])) or plain != plain and "nan" in told["f"].lower() else f"{plain!r} is not {told['f']}"
    if kind == "String":
        return None if escaped(plain) == told["text"] or MARK.search(told["text"]) else f"{plain!r} is not {told['text']!r}"
    if kind == "BigInt":
        return None if plain == int.from_bytes(__import__("base64").b64decode(told["b"]), "big") * (-1 if told["negative"] else 1) else f"{plain!r} is not {show(told)}"
    value = told["i"] if kind == "Int" else told["b"]
    return None if plain == value and isinstance(plain, int) else f"{plain!r} is not {value!r}"


def raw_difference(seen, plain, text):
    if isinstance(seen, Literal):
        same = ADDRESS.sub("@", escaped(seen.text)) == re.sub(r"(?<= at )@\d+(?=[>›])", "@", text)
    elif isinstance(seen, Opaque):
        same = re.fullmatch(rf"<{re.escape(seen.type)} at @\d+>", text)
    elif isinstance(plain, (bytes, bytearray)):
        same = re.fullmatch(r"(?:\w+\()?(b['\"].*?)\)?", text, re.S) and ast.literal_eval(re.sub(r"^\w+\((.*)\)$", r"\1", text, flags=re.S)) == bytes(plain)
    else:
        same = repr(plain) == text
    return None if same else f"{seen!r} is not {text}"


def elements_difference(plain, told, path):
    wanted = told["elements"]
    cut = bool(wanted) and wanted[-1]["type"][1] == "Cut"
    wanted = wanted[:-1] if cut else wanted
    if isinstance(plain, (set, frozenset)):  # compare.py sorts them by their records
        if len(plain) != len(wanted) and not cut:
            return f"{len(plain)} elements, not {len(wanted)}"
        return first(all(difference(one, part, path) for one in plain) and f"{show(part)} is not in the set" or None for part in wanted)
    items = list(plain.items()) if isinstance(plain, dict) else list(plain)
    if len(items) != len(wanted) if not cut else len(items) < len(wanted):
        return f"{len(items)} items, not {len(wanted)}"
    if isinstance(plain, dict) or isinstance(items[0] if items else None, tuple) and wanted[0]["type"] == (27, "Tuple") and told["type"][1] == "Dict":
        return first(difference(part, record, path) for pair, entry in zip(items, wanted) for part, record in zip(pair, entry["elements"]))
    return first(difference(item, part, path) for item, part in zip(items, wanted))


def first(differences):
    return next((one for one in differences if one), None)


def steps_of(oracle):
    """By thread the steps: (path, line, [(name, record)]). A step that only stands before a call in this format is none of the program's."""
    for number, entries in oracle.threads.items():
        following = [*entries[1:], {"what": "end"}]
        yield number, [(e["path"], e["line"], e["values"]) for e, f in zip(entries, following) if e["what"] == "Step" and f["what"] != "Call"]


@pytest.mark.parametrize("name", NAMES)
def test_program(name, tmp_path):
    program = PROGRAMS / (name + ".py")
    folder, journal = tmp_path / "oracle", tmp_path / "ours"
    run([str(ORACLE)], program, CODETRACER_DB_TRACE_PATH=str(folder))
    run(["-m", "codetracer_python_recorder", "--quiet", "--propagate-script-exit", "--format", "journal", "-o", str(journal)], program)
    compared = 0
    with read(journal) as trace:
        for number, wanted in steps_of(Trace(str(folder))):
            steps = [step for step in trace.steps if step.thread == number]
            assert [(step.path, step.line) for step in steps] == [(path, line) for path, line, _ in wanted]
            for step, (_, _, values) in zip(steps, wanted):
                assert list(step.locals) == [variable for variable, _ in values], step
                for variable, record in values:
                    compared += 1
                    problem = difference(step.locals[variable], record)
                    assert problem is None, f"{step}: {variable}: {problem}"
    assert compared > 10
