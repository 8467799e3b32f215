"""Secrets stay out of the trace: docs/redaction.md. What is looked for are the bytes themselves, in the raw files of every format and in all that is compressed
in them. Secrets are made while the program runs, by a function whose name says what it gives, so that they stand in no source."""

import ast
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import reading
import zstandard
from conftest import PACKAGE, environment_for
from support.containers import read_container

ROOT = PACKAGE.parent
FORMATS = ("journal", "ct", "ct-single", "ct-multi", "json", "binary", "binary-v0")

# The first lines of each program. A returned value is hidden by the function's name, and so known from then on.
PRELUDE = """\
import hashlib, json, os, sys
def make_secret(key, size=24):
    return hashlib.sha256(str(key).encode()).hexdigest()[:size]
"""


def secret(key, size=24):
    return hashlib.sha256(str(key).encode()).hexdigest()[:size]


def unpacked(data):
    """The bytes, and what the zstd frames in them hold."""
    yield data
    for match in re.finditer(rb"\x28\xb5\x2f\xfd", data):
        try:
            yield zstandard.ZstdDecompressor().decompressobj().decompress(data[match.start() :])
        except zstandard.ZstdError:
            pass


def everything_in(folder):
    """All bytes of all files below a folder, as they are and decompressed; of containers also the files inside."""
    pieces = []
    for path in sorted(Path(folder).rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        pieces.extend(unpacked(data))
        if path.suffix == ".ct":
            for _, content in read_container(path)[0].values():
                pieces.extend(unpacked(content))
    assert pieces
    return pieces


def leaks(folder, texts):
    pieces = everything_in(folder)
    return [text for text in texts if any(text.encode("utf-8", "surrogatepass") in piece for piece in pieces)]


def shown(folder):
    """What the tool says, as one text."""
    return json.dumps(reading.print_json(folder))


@pytest.fixture
def traced(record, tmp_path):
    """traced(code, format="journal", options=(), …): the folder of the trace of a program that begins with PRELUDE."""
    if not reading.trace_tool():
        pytest.skip("codetracer-trace is not installed")

    def run(code, *arguments, format="journal", options=(), status=0, **how):
        answer = record(*arguments, code=PRELUDE + code, options=[f"--format={format}", *options], **how)
        assert answer.status == status, answer
        return answer

    return run


# ---- names ----

WORDS = [
    "password", "passwd", "pwd", "pw", "pswd", "passphrase", "passcode", "secret", "credential", "creds", "cvv", "cvc", "ssn", "iban", "jwt", "bearer", "otp", "api_key",
    "private_key", "secret_key", "access_key", "auth_key", "session_key", "ssh_key", "master_key", "encryption_key", "signing_key", "auth_token", "access_token",
    "refresh_token", "bearer_token", "api_token", "session_token", "csrf_token", "session_cookie", "auth_cookie", "session_id", "credit_card", "card_number", "card_pin",
    "social_security", "security_code", "security_answer", "seed_phrase", "pass_word", "db_pass", "user_pass", "client_secret", "recovery_code", "oauth_token",
]  # fmt: skip


def camel(name):
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


NAMES = [form for word in WORDS for form in (word, camel("my_" + word), ("db_" + word + "_1").upper(), "_" + word + "s")]

HARMLESS = [
    "key", "keys", "token", "tokens", "auth", "session", "sessions", "card", "cards", "pan", "company", "author", "authors", "authority", "compass", "expand", "panel",
    "discard", "discards", "keyboard", "keyword", "monkey", "turkey", "donkey", "hockey", "passenger", "passage", "bypass", "pass_count", "passed", "passes", "first_pass",
    "trespass", "secretary", "secretion", "tokenize", "tokenizer", "token_type", "token_count", "next_token", "pad_token_id", "eos_token", "token_index", "primary_key",
    "foreign_key", "sort_key", "cache_key", "public_key", "dict_key", "key_id", "keypad", "session_count", "session_timeout", "auth_method", "is_authenticated",
    "authored", "credit", "credits", "accredited", "creditor", "cardinal", "cardboard", "postcard", "wildcard", "card_type", "cookie", "cookies", "cookie_jar", "pane",
    "japan", "span", "expanse", "companion", "pin", "spin", "opinion", "lesson", "api", "api_version", "private", "privately", "access", "access_level", "refresh",
    "refresh_rate", "word", "words", "crossword", "phrase", "number", "card_index", "account", "user", "username", "user_id", "host", "url", "email", "code",
    "passport", "compassion", "surpass", "mapping",
]  # fmt: skip

USES = """\
class Thing: pass
def use(name, value):
    d = {name: value, "n": 1}
    thing = Thing()
    setattr(thing, name, value)
    globals()[name] = value
    nested = [({"deep": [{name: [value, (value,)]}]}, 5)]
    pair = (thing, d)
    return len(pair)
"""


def of_all(names, make):
    """A function for each name, with it as argument, local, keyword and closure."""
    lines = [USES]
    for number, name in enumerate(names):
        lines.append(
            f"def f{number}({name}, *, n=0):\n    copy = {name}\n    def inner():\n        return len({name})\n    return inner()\n"
            f"{name} = {make.format(name)}\nf{number}({name})\nf{number}({name}={name}, n=1)\nuse({name!r}, {name})\n"
        )
    return "\n".join(lines)


def test_the_lists_are_long_enough():
    assert len(set(NAMES)) == len(NAMES) >= 200 and len(set(HARMLESS)) == len(HARMLESS) >= 100


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_under_two_hundred_names_leaks(traced, format):
    secrets = [secret(name) for name in NAMES]
    answer = traced(of_all(NAMES, "make_secret({0!r})"), format=format, timeout=120)
    assert leaks(answer.trace, secrets) == []
    assert "redacted: " in answer.err


def test_short_ones_neither(traced):
    """Less than eight characters: hidden under the name; nothing else is searched for them."""
    program = "\n".join(f"def f{i}({name}):\n    return len({name})\nf{i}(make_secret({name!r}, 7))\n" for i, name in enumerate(NAMES))
    answer = traced(program)
    assert leaks(answer.trace, [secret(name, 7) for name in NAMES]) == []


def test_no_harmless_name_hides(traced):
    answer = traced(of_all(HARMLESS, "'value of ' + {0!r}"))
    events = reading.print_json(answer.trace)
    assert "<redacted>" not in json.dumps(events) and "redacted" not in answer.err
    calls = {event["function"]: event["arguments"] for event in events if event["event"] == "call" and re.fullmatch(r"f\d+", event["function"])}
    for number, name in enumerate(HARMLESS):
        assert calls[f"f{number}"][name] == f"value of {name}"


def test_with_no_redaction_all_is_there(traced):
    answer = traced(of_all(NAMES[:20], "make_secret({0!r})"), options=["--no-redaction"])
    text = shown(answer.trace)
    assert all(secret(name) in text for name in NAMES[:20]) and "redacted" not in answer.err
    told = subprocess.run([reading.trace_tool(), "info", answer.trace], capture_output=True, text=True).stdout
    assert "redacted      switched off" in told


def test_numbers_none_and_bools_stay(traced):
    code = "password = 5\npasswords = [1, 2.5, None, True, 'x' * 3]\ncvv = 123\nsecret = None\njwt = True\npass"
    step = reading.print_json(traced(code).trace)
    last = [event for event in step if event["event"] == "step"][-1]["locals"]
    hidden = {"type": "Redacted", "text": "<redacted>"}
    assert last["password"] == 5 and last["cvv"] == 123 and last["secret"] is None and last["jwt"] is True
    assert last["passwords"] == [1, 2.5, None, True, hidden]


# ---- nested values ----

NESTED = """\
import collections, dataclasses, enum, types
class Node:
    def __init__(self, **fields): self.__dict__.update(fields)
class Slots:
    __slots__ = ("password", "n")
    def __init__(self, password): self.password = password; self.n = 1
class Mangled:
    def __init__(self, password): self.__password = password
@dataclasses.dataclass
class Data:
    host: str
    api_key: str
@dataclasses.dataclass(slots=True, frozen=True)
class Frozen:
    client_secret: bytes
Login = collections.namedtuple("Login", "user password")
class Text(str): pass
class Bytes(bytes): pass
class Names(dict): pass
class Items(list): pass
class Inherits(Slots): pass
def run(s):
    cases = [
        {"password": s(0)}, {"a": {"b": {"secret": s(1)}}}, [{"api_key": s(2)}], ({"token": {"auth_token": s(3)}},), {"passwords": [s(4)]},
        {"secrets": (s(5), [s(6)])}, {"credentials": {"user": "u", "x": s(7)}}, {"secrets": {s(8)}}, {"secrets": frozenset([s(9)])}, {"secrets": collections.deque([s(10)])},
        {b"API_TOKEN": s(11).encode()}, {"private_key": s(12).encode()}, {"private_key": bytearray(s(13).encode())}, {"private_key": memoryview(s(14).encode())},
        {"jwt": Text(s(15))}, {"jwt": Bytes(s(16).encode())}, Node(password=s(17)), Node(inner=Node(apiKey=s(18))), Slots(s(19)), Mangled(s(20)), Data("h", s(21)),
        Frozen(s(22).encode()), Login("u", s(23)), [Login("u", s(24))], Inherits(s(25)), Names(password=s(26)), Items([{"pwd": s(27)}]), collections.OrderedDict(ssn=s(28)),
        collections.defaultdict(str, iban=s(29)), collections.ChainMap({"cvv": s(30)}), types.SimpleNamespace(passphrase=s(31)), types.MappingProxyType({"secret": s(32)}),
        {"secrets": {s(33): 1}}, {"secrets": {("k", s(34)): 1}}, {"passwords": [[[s(35)]]]}, {"passwords": Items([s(36)])}, {"passwords": Names(a=s(37))},
        {"Authorization": "Bearer " + s(38)}, {"X-Api-Key": s(39)}, {"Set-Cookie": "id=" + s(40)}, {"session_cookie": [s(41), None]}, [[[{"creds": (1, s(42))}]]],
        {"credit_card": {"number": s(43)}}, Node(credentials=[s(44)]), Node(secrets={"x": s(45)}), {1: {"password": s(46)}}, {None: [{"password": s(47)}]},
        ValueError({"password": s(48)}), {"access_token": s(49)}, {"a": s(50), "password": s(50)},
    ]
    count = len(cases)
    return count
"""


@pytest.mark.parametrize("format", FORMATS)
def test_fifty_nested_values_do_not_leak(traced, format):
    """They are made by a C function, of which nothing is recorded: nothing but the place where they stand says what they are."""
    texts = [f"Zq{n:020d}xY" for n in range(51)]
    answer = traced(NESTED + "run('Zq{0:020d}xY'.format)\n", format=format)
    assert leaks(answer.trace, texts) == []
    assert texts[0] in shown(traced("x = 'Zq{0:020d}xY'.format(0)\npass", format=format).trace)


def test_a_question_stands_before_its_answer(traced):
    """Also one that ends as a secret begins, and one that an earlier version took for that."""
    code = "password = 'hunter2-' + 'very-long'\na = input('API key: ')\nb = input('What is h')\nprint('end')\n"
    answer = traced(code, stdin="1\n2\n")
    outputs = [(e["stream"], e["text"]) for e in reading.print_json(answer.trace) if e["event"] == "output"]
    joined = [[outputs[0][0], ""]]
    for stream, text in outputs:
        if joined[-1][0] != stream:
            joined.append([stream, ""])
        joined[-1][1] += text
    assert joined == [["stdout", "API key: "], ["stdin", "<redacted>\n"], ["stdout", "What is h"], ["stdin", "2\n"], ["stdout", "end\n"]]


# ---- hostile ones ----

HOSTILE = {
    "key of a dict": "d = {make_secret(1): 1}",
    "in an f-string": "print(f'the password is {make_secret(1)}!')",
    "byte by byte": "for c in make_secret(1):\n    sys.stdout.write(c)\nprint()",
    "split in the middle": "password = make_secret(1)\nsys.stdout.write('x' + password[:9])\nfor i in range(3): pass\nsys.stdout.write(password[9:] + 'y')\nsys.stdout.flush()",
    "on stderr": "print('a', make_secret(1), 'b', file=sys.stderr)",
    "in an exception": "try:\n    raise ValueError('no such user: ' + make_secret(1))\nexcept ValueError as e:\n    args = e.args\n    text = str(e)\n    shown = repr(e)",
    "in a traceback": "import traceback\ntry:\n    raise KeyError(make_secret(1))\nexcept KeyError:\n    traceback.print_exc()",
    "a generator's yield": "def secrets():\n    yield make_secret(1)\n    yield [make_secret(1)]\nfor s in secrets():\n    x = s",
    "an async generator's": "import asyncio\nasync def passwords():\n    yield make_secret(1)\nasync def main():\n    async for p in passwords():\n        y = p\nasyncio.run(main())",
    "a class attribute": "class Config:\n    password = make_secret(1)\n    n = 1\nx = Config.password",
    "a property": "class C:\n    @property\n    def api_key(self):\n        return make_secret(1)\nx = C().api_key",
    "a closure's cell": "def outer(password):\n    def inner():\n        return len(password)\n    return inner\nf = outer(make_secret(1))\nn = f()",
    "a default": "def f(password=make_secret(1)):\n    return len(password)\nf()",
    "keyword arguments": "def f(**options):\n    return len(options)\nf(password=make_secret(1), n=1)",
    "an enum": "import enum\nclass E(enum.Enum):\n    password = make_secret(1)\nx = E.password\ny = [E.password]",
    "a comprehension": "x = [p for p in [make_secret(1)] * 2]\ny = {password: 1 for password in x}",
    "a walrus": "if (password := make_secret(1)):\n    n = len(password)",
    "an unpacking": "(user, password), n = ('u', make_secret(1)), 1\npass",
    "a global": "def f():\n    return len(password)\npassword = make_secret(1)\nf()",
    "the name of an attribute": "class C: pass\nc = C()\nsetattr(c, make_secret(1), 5)\nd = c\npass",
    "in a path": "import pathlib\np = pathlib.Path('/srv') / make_secret(1)\nq = pathlib.PurePosixPath(make_secret(1))\npass",
    "in bytes": "password = make_secret(1)\nb = b'x' + password.encode() + b'y'\na = bytearray(b)\nm = memoryview(b)\npass",
    "within a longer text": "password = make_secret(1)\nx = 'a' * 5000 + password + 'b' * 5000\ny = [x]\nz = x.encode()\npass",
    "at the limit of a text": "password = make_secret(1)\nx = 'a' * (1048576 - 10) + password\ny = 'é' * 524280 + password\npass",
    "another thread": "import threading\ndef work(password):\n    print(password)\nt = threading.Thread(target=work, args=(make_secret(1),))\nt.start()\nt.join()",
    "its own list, called so later": "password = make_secret(1)\nx = [password]\nsecrets = x\ny = secrets\npass",
    "__doc__": "password = make_secret(1)\n__doc__ = 'about ' + password\npass",
    "what json and repr print": "password = make_secret(1)\nprint(json.dumps({'password': password}), repr(password))",
    "several at once": "password, api_key = make_secret(1), make_secret(2)\nprint(password + api_key + password)",
    "with spaces around it": "password = '  ' + make_secret(1) + '\\n'\nx = password.strip()\ny = password\nprint(x)",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile(traced, case):
    for options in ([], ["--globals=referenced"]):
        answer = traced(HOSTILE[case] + "\npass\n", options=options)
        assert leaks(answer.trace, [secret(1), secret(2)]) == []
        output = "".join(event["text"] for event in reading.print_json(answer.trace) if event["event"] == "output")
        assert secret(1) not in output and secret(2) not in output
        assert ("<redacted>" in output) == (secret(1) in answer.out + answer.program_err)


def test_what_is_no_secret_stays_elsewhere(traced):
    """The folder that the shell tells as $PWD, and names of modules under a secret's name: hidden there, not in all that holds them."""
    code = """
import os, json.decoder
env = {"PWD": os.environ["PWD"]}
names = {"SecretStr": ("json.decoder", ".types")}
first = os.environ["PWD"] + "/data.txt"
module = "json.decoder.JSONDecoder"
secret = "json.decodes"
later = "my json.decodes"
print(first, module)
"""
    answer = traced(code, env={"PWD": "/home/somebody/desk"})
    last = [event for event in reading.print_json(answer.trace, "--all-locals") if event["event"] == "step"][-1]["locals"]
    assert [last[name] for name in ("first", "module")] == ["/home/somebody/desk/data.txt", "json.decoder.JSONDecoder"]
    assert last["later"]["text"] == "<redacted>"
    shown = json.dumps([last["env"], last["names"]])
    assert shown.count("<redacted>") == 3 and "somebody" not in shown and "types" not in shown
    assert "".join(event["text"] for event in reading.print_json(answer.trace) if event["event"] == "output") == answer.out


# In CPython 3.12 what is interned is never freed.
INTERNED = """\
import sys
def learn(value):
    password = value
    return len(password)
def holder():
    x = sys.intern("correcthorse" + str(12345678))
    y = "correcthorsebattery"
    learn(x)
    learn(y)
    last = 1
holder()
"""


def test_a_text_that_becomes_known_within_the_event_that_shows_it(traced):
    """The next event hides it in what was looked at before, though nothing has changed since."""
    code = """
exec('''
class Node: pass
def make(k):
    node = Node()
    node.v = "".join(["correct", "horse", str(k + 10000)])
    return [node, {"password": node.v}]
''')
def held(pair, k):
    x = k + 1
    y = x + 1
    z = y + 1
    return z
for k in range(40):
    held(make(k), k)
"""
    steps = [event for event in reading.print_json(traced(code).trace, "--all-locals") if event["event"] == "step" and event["function"].endswith("held")]
    assert len(steps) == 160
    assert not [step for step in steps if step["line"] > min(s["line"] for s in steps) and "correcthorse" in json.dumps(step["locals"])]


def test_a_text_in_a_variable_that_becomes_known(traced):
    answer = traced(INTERNED)
    steps = [e for e in reading.print_json(answer.trace, "--all-locals") if e["event"] == "step" and e["function"] == "holder"]
    before, after = steps[2], steps[-1]
    assert before["locals"] == {"x": "correcthorse12345678", "y": "correcthorsebattery"}
    assert "correcthorse" not in json.dumps(after["locals"]) and sorted(after["locals"]) == ["x", "y"]


UNUSUAL = {
    "non-ASCII": "pässwörtlich-¥€$",
    "astral": "pass🔑word🔑key",
    "lone surrogates": "abc\udc80def\udcffgh",
    "quotes and backslashes": "a'b\"c\\d'e\"f\\g",
    "control characters": "a\x00b\tc\nd\re\x7ff",
    "only capitals": "CORRECTHORSEBATTERY",
}


@pytest.mark.parametrize("case", UNUSUAL)
def test_unusual_texts(traced, case):
    value = UNUSUAL[case]
    turned = [ord(c) ^ 1 for c in value]
    code = f"""
def get_secret():
    return "".join(chr(c ^ 1) for c in CODES)
def harmless(s):
    x = [s, {{"a": s}}, "<" + s + ">"]
    return len(x)
harmless(get_secret())
raw = get_secret().encode("utf-8", "surrogatepass")
if not any(0xD800 <= ord(c) < 0xE000 for c in get_secret()):
    print(get_secret())
print(repr(get_secret()), json.dumps(get_secret()), repr(get_secret().encode("utf-8", "surrogatepass")))
"""
    answer = traced(f"CODES = {turned}" + code, env=dict(PYTHONIOENCODING="utf-8"))
    forms = [value, repr(value)[1:-1], json.dumps(value)[1:-1]]
    assert leaks(answer.trace, forms) == []


def test_very_long_ones(traced):
    code = "def get_secret():\n    return ''.join(make_secret(n) for n in range(4000))\nx = get_secret()\ny = [x, x + '!', x.encode()]\nsys.stdout.write(x)\nprint()\n"
    answer = traced(code)
    text = shown(answer.trace)
    # The single pieces are known, too: so here only that nothing of the whole is seen.
    assert leaks(answer.trace, ["".join(secret(n) for n in range(at, at + 2)) for at in range(0, 3000, 500)]) == [] and secret(3999) not in text


def test_a_long_one_made_of_unknown_pieces(traced):
    code = "def get_key():\n    return 1\ndef private_key_pem():\n    return '-----BEGIN-----\\n' + (b'%x' % pow(7, 20000)).decode() + '\\n-----END-----\\n'\nx = private_key_pem()\nfor i in range(0, len(x), 999):\n    sys.stdout.write(x[i:i + 999]) and None\n"
    answer = traced(code)
    text = "".join(event["text"] for event in reading.print_json(answer.trace) if event["event"] == "output")
    assert answer.out.startswith("-----BEGIN") and len(answer.out) > 10000
    assert text.strip() == "<redacted>"


def test_a_killed_recording(traced, tmp_path):
    """What lies in the shared mapping."""
    answer = traced("password = make_secret(1)\nx = {'api_key': make_secret(2)}\nprint(password)\nimport signal\nos.kill(os.getpid(), signal.SIGKILL)\n", status=-signal.SIGKILL)
    assert any(path.name == "journal.live" for path in answer.trace.rglob("*"))
    assert leaks(answer.trace, [secret(1), secret(2)]) == []


def test_arguments_of_the_program(record):
    one, two, three = secret(1), secret(2), secret(3)
    answer = record(f"--password={one}", "--api-key", two, "user", f"token={three}", code="import sys\nx = sys.argv[1]\nprint(x)\n", options=["--format=json"])
    told = json.loads((answer.trace / "trace_metadata.json").read_text())
    assert told["args"] == ["--password=<redacted>", "--api-key", "<redacted>", "user", f"token={three}"]
    assert leaks(answer.trace, [one, two]) == [] and one in answer.out


@pytest.mark.parametrize("ask", ["x = input('Password: ')", "print('Enter the API key: ', end='', flush=True)\nx = sys.stdin.readline()", "sys.stderr.write('PIN code? ')\nx = input()"])
def test_what_is_typed_for_a_secret(traced, ask):
    answer = traced("name = input('Name: ')\n" + ask + "\ny = [x, 'is ' + x]\nlast = input('More? ')\n", stdin=f"bob\n{secret(1)}\nnothing\n")
    read = [event["text"] for event in reading.print_json(answer.trace) if event["event"] == "output" and event["stream"] == "stdin"]
    assert read == ["bob\n", "<redacted>\n", "nothing\n"] and leaks(answer.trace, [secret(1)]) == []


# ---- how it looks, and what is counted ----

COUNTED = """\
def get_password():
    return make_secret(1)
def f(password, plain):
    local = [password, 5]
    return None
class C:
    def __init__(self): self.api_key = make_secret(2)
c = C()
d = {"api_key": make_secret(2)}
f(get_password(), "plain")
print(get_password(), get_password())
"""


NAMED = """\
import threading, types
password = make_secret(1)
def work():
    return 7
def renamed():
    return 8
renamed.__code__ = renamed.__code__.replace(co_qualname="call_" + password, co_name="plain")
thread = threading.Thread(target=work, name="for " + password)
thread.start()
thread.join()
Made = type("Made" + password, (), {"m": 1})
made = Made()
made.x = 1
renamed()
module = types.ModuleType("module_" + password)
exec(compile("def inside():\\n    return 9\\n", __file__, "exec"), module.__dict__)
module.inside()
pass
"""


@pytest.mark.parametrize("format", FORMATS)
def test_names_with_a_secret_in_them(traced, format):
    """Of a thread, a class, a function, a module: what is known by then is not written."""
    answer = traced(NAMED, format=format)
    assert leaks(answer.trace, [secret(1)]) == []
    if format == "journal":
        events = reading.print_json(answer.trace, "--all-locals")
        assert "<redacted>" in {e["name"] for e in events if e["event"] == "thread-start"}
        called = {(e["function"], e["module"]) for e in events if e["event"] == "call"}
        assert ("<redacted>", "__main__") in called and ("inside", "<redacted>") in called
        assert any("<redacted>" in str(e["locals"].get("made")) for e in events if e["event"] == "step")


def test_how_formats_show_it(traced):
    answer = traced("password = make_secret(1)\nwith_it = 'a' + password\npass\n", format="json")
    events = json.loads((answer.trace / "trace.json").read_text())
    types = [event["Type"] for event in events if "Type" in event]
    names = [event["VariableName"] for event in events if "VariableName" in event]
    values = [event["Value"] for event in events if "Value" in event]
    number = next(n for n, kind in enumerate(types) if kind["lang_type"] == "Redacted")
    assert types[number] == {"kind": 16, "lang_type": "Redacted", "specific_info": {"kind": "None"}}
    for name in ("password", "with_it"):
        seen = [value["value"] for value in values if value["variable_id"] == names.index(name)]
        assert seen and all(value == {"kind": "Error", "msg": "<redacted>", "type_id": number} for value in seen)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_hidden_is_so_in_every_format(traced, format):
    events = reading.print_json(traced(COUNTED, format=format).trace)
    call = next(event for event in events if event["event"] == "call" and event["function"] == "f")
    assert call["arguments"] == {"password": {"type": "Redacted", "text": "<redacted>"}, "plain": "plain"}
    verified = subprocess.run([reading.trace_tool(), "verify", traced(COUNTED, format=format).trace], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_counts(traced):
    answer = traced(COUNTED)
    told = subprocess.run([reading.trace_tool(), "info", answer.trace], capture_output=True, text=True).stdout
    line = next(line for line in told.splitlines() if line.startswith("redacted "))
    # make_secret returns: 3 + in get_password 3 … each call of a function whose name says so.
    assert "variables 1, " in line and "attributes 1, " in line and "places in the output 2" in line and "returned values 8" in line
    assert re.search(r"; redacted: \d+ values, 2 places in the output \(--no-redaction\)$", answer.err.strip())


LATER = """
def learn(text, names):
    login = {"password": text}
    return names

def f(text, settled, pair):
    learn(text, [text])
    done = 1
    return done

f("correct" + "-horse-battery", frozenset(["correct-horse-battery"]), ("correct-horse-battery", 1))
"""


def test_what_was_shown_before_a_text_became_known_is_not_missed(tmp_path):
    """--verify-capture counts what the quick look does not see. What is hidden from now on since its text became known just now is none of that."""
    recorded = reading.record_journal(tmp_path, LATER, options=["--verify-capture"])
    assert recorded.summary["missed"] == 0, recorded.summary
    assert "learn" in str(recorded.events) and "correct-horse-battery" in str(recorded.events), "it was shown before"


def test_what_cannot_change_is_hidden_too_when_its_text_becomes_known(tmp_path):
    recorded = reading.record_journal(tmp_path, LATER)
    last = [event for event in recorded.events if event["event"] == "step" and event["function"] == "f"][-1]
    assert last["locals"]["done"] == 1 and "correct-horse-battery" not in str(last), last


def test_variables_whose_names_are_hidden_do_not_take_turns(tmp_path):
    """All are named <redacted> in the trace. It showed the value of one after the other, new at each line."""
    code = """
kinds = {"password": "hunter_first", "api_key": "hunter_second", "secret": "hunter_third"}
globals().update(hunter_first=1, hunter_second=2, hunter_third=3)
a = 1
a = 2
a = 3
"""
    recorded = reading.record_journal(tmp_path, code, options=["--verify-capture"])
    assert recorded.summary["missed"] == 0, recorded.summary
    steps = [event for event in recorded.events if event["event"] == "step"]
    assert [step["locals"].get("<redacted>") for step in steps[-3:]] == [1, 1, 1]


def test_read_gives_it(traced):
    from codetracer_python_recorder import read
    from codetracer_python_recorder.reader import Literal

    with read(traced("password = make_secret(1)\nsecrets = [password, 1]\npass\n").trace) as trace:
        hidden = trace.steps[-1].locals["password"]
        assert type(hidden) is Literal and (hidden.type, hidden.text) == ("Redacted", "<redacted>")
        assert trace.steps[-1].locals["secrets"] == [hidden, 1]


def test_from_python(record, tmp_path):
    code = "from codetracer_python_recorder import trace\ndef f(password):\n    return len(password)\nfor on in (True, False):\n    with trace(f't{on}', format='journal', redaction=on):\n        f('-'.join('hunter'))\n"
    (tmp_path / "prog.py").write_text(code)  # code without a file is not recorded
    done = subprocess.run([sys.executable, "prog.py"], cwd=tmp_path, env=environment_for(), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "h-u-n-t-e-r" not in shown(tmp_path / "tTrue") and "h-u-n-t-e-r" in shown(tmp_path / "tFalse")


# ---- the documentation ----


def test_the_documented_words_are_those_of_the_table():
    source = (PACKAGE / "lib" / "redact" / "words.h").read_text()
    document = (ROOT / "docs" / "redaction.md").read_text()

    def table(name):
        return sorted(ast.literal_eval("[" + re.search(name + r"\[\] = \{(.*?)\};", source, re.S)[1] + "]"))

    def listed(heading):
        return sorted(re.findall(r"`([^`]+)`", re.search(r"\*\*" + heading + r"\*\*(.*?)(?:\n\n|\n\* )", document, re.S)[1]))

    assert listed("One of these words") == table("SECRET_WORDS") and listed("A word that ends in") == table("SECRET_ENDINGS")
    assert listed("Two of these in a row") == table("SECRET_PAIRS") and listed("The whole name") == table("SECRET_NAMES")
    ends = document[document.index("Not if the name ends") : document.index(", as in\n`SESSION_COOKIE_NAME`")]
    assert sorted(word.removesuffix(" name") for word in re.findall(r"`([^`]+)`", ends)) == table("NAMED_THINGS")


def test_entries_that_come_to_a_dict(traced):
    """One at a time, among others: each is judged by its key. The texts are too short to be known elsewhere."""
    answer = traced(
        "def work(n):\n    table = {}\n    for i in range(n):\n        table[f'name{i}'] = i\n        table['password'] = 'zq7x' + str(i) + 'kj'\n"
        "        table[f'other{i}'] = i\n        table.pop('password')\n        table.update({f'other{i}': -1000 - i, 'api_key': 'zq7x' + str(i) + 'kj'})\n        del table['api_key']\n    table['api_key'] = 'zq7x' + str(n) + 'kj'\n    return len(table)\nprint(work(9))\n"
    )
    seen = [event["locals"]["table"] for event in reading.print_json(answer.trace) if event["event"] == "step" and "table" in event.get("locals", {})]
    assert len(seen) > 40 and any("name8" in str(table) for table in seen) and leaks(answer.trace, [f"zq7x{i}kj" for i in range(10)]) == []
