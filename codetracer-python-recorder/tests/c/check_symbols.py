"""The library's symbols: python3 check_symbols.py HEADERS SHARED STATIC ALLOCATES

HEADERS: include/codetracer. The shared library exports exactly the functions that they mark as CT_API, and every function they declare is marked. The
static library, with the vendored libraries in it, has no variable that can be written; of its own objects only ALLOCATES calls the C library's malloc().
"""

import re
import subprocess
import sys
from pathlib import Path

# Of zstd, written by nobody: switches for its debugging, and of its dictionary builder, which nothing here calls.
# Of PCRE2: what a compile context is made from, and its version.
NEVER_WRITTEN = {"_pcre2_default_compile_context_8", "_pcre2_unicode_version_8", "_pcre2_default_convert_context_8", "_pcre2_default_match_context_8", "g_ZSTD_threading_useless_symbol", "g_debuglevel", "g_displayLevel", "g_time"}
ALLOCATING = {"malloc", "calloc", "realloc", "free", "strdup", "strndup", "posix_memalign", "aligned_alloc", "asprintf", "vasprintf", "getline"}


def declared(headers):
    names = set()
    for header in sorted(headers.glob("*.h")):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        text = re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", "", text, flags=re.M)
        marked = set(re.findall(r"\bCT_API\b[^;{]*?\b(ct_\w+)\(", text))
        top_level = re.sub(r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}", "{}", text)
        functions = {name for line in top_level.split(";") if "static inline" not in line and "typedef" not in line
                     for name in re.findall(r"\b(ct_\w+)\((?!\*)[^()]*(?:\([^()]*\)[^()]*)*\)\s*$", line.split("{}")[-1])}
        if functions - marked:
            sys.exit(f"{header.name} declares without CT_API: {', '.join(sorted(functions - marked))}")
        names |= marked
    return names


def nm(*arguments):
    """(object, symbol, section, class) of each."""
    object_name = ""
    for line in subprocess.run(["nm", "--format=sysv", *arguments], check=True, capture_output=True, text=True).stdout.splitlines():
        if match := re.match(r"(?:Symbols|Undefined symbols) from (?:.*\[)?([^\]]*?)\]?:$", line):
            object_name = match[1]
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 7 and fields[0] != "Name":
            yield object_name, fields[0].split("@")[0], fields[6], fields[2]


def main():
    headers, shared, static, allocates = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    problems = []
    public = declared(headers)
    exported = {name for _, name, _, kind in nm("--dynamic", "--defined-only", shared) if kind != "A"}
    if len(public) < 50 or public != exported:
        problems.append(f"only in the headers: {sorted(public - exported)}; only in the shared library: {sorted(exported - public)}")
    objects = set()
    for object_name, name, section, kind in nm(static):
        objects.add(object_name)
        if kind != "U" and name not in NEVER_WRITTEN and re.match(r"\.(data|bss|tdata|tbss)(?!\.rel\.ro)|\*COM\*", section):
            problems.append(f"{name} in {object_name} ({section}) can be written: the library keeps no global state")
        vendored = object_name.startswith(("zstd_zstd", "yyjson_", "xxhash_", "pcre2_pcre2_"))
        if kind == "U" and name in ALLOCATING and not vendored and object_name != allocates:
            problems.append(f"{object_name} calls {name}(): memory comes from util/memory.h")
    if allocates not in objects or len(objects) < 30:
        problems.append(f"{static} holds {sorted(objects)}, which is not the library")
    sys.exit("\n".join(problems) or 0)


main()
