"""The installed C library works: python3 check_installation.py BUILD EXPORT_SAMPLE COMPILER...

Installs the library of the build folder BUILD into a temporary place, then compiles the installed example with nothing but what pkg-config says, runs it on
traces that EXPORT_SAMPLE makes, and compares what it prints with what `codetracer-trace print --json` says of them. Also compiles the headers alone, as C11
and (where there is a compiler for it) C++.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main():
    build, sample, compiler = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    if not shutil.which("pkg-config"):
        print("pkg-config is not there")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="codetracer-installed-") as place:
        place = Path(place)
        run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--tags", "devel,library", "--destdir", place)
        [description] = place.rglob("codetracer.pc")
        prefix = str(place) + next(line for line in description.read_text().splitlines() if line.startswith("prefix=")).removeprefix("prefix=")
        pkg_config = ["pkg-config", f"--define-variable=prefix={prefix}"]
        environment = dict(os.environ, PKG_CONFIG_PATH=str(description.parent))
        flags = run(*pkg_config, "--cflags", "--libs", "codetracer", env=environment).split()
        version = run(*pkg_config, "--modversion", "codetracer", env=environment).strip()

        inside = sorted(path.name for path in (Path(__file__).parents[2] / "third_party").iterdir() if path.is_dir())
        assert sorted(path.name for path in place.rglob("LICENSE*")) == ["LICENSE", *(f"LICENSE.{name}" for name in inside)], "a notice is missing"
        [example] = place.rglob("walk_trace.c")
        warnings = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
        run(*compiler, *warnings, example, *flags, "-o", place / "walk_trace")
        libraries = dict(os.environ, LD_LIBRARY_PATH=str(next(place.rglob("libcodetracer.so")).parent))
        linked = run("readelf", "-d", place / "walk_trace")
        assert f"[libcodetracer.so.{version.split('.')[0]}]" in linked, linked
        assert len(example.read_text().splitlines()) <= 45
        manual = (Path(__file__).parents[3] / "docs/c-library.md")
        if manual.exists(): # not where only the package was unpacked
            assert manual.read_text().split("```c\n")[1].split("```")[0] in example.read_text(), "docs/c-library.md does not begin with the example"

        run(sample, "journal", "everything", "0", place / "x.ctj")
        run(sample, "ct", place / "x.ctj", place / "x.ct")
        for trace in (place / "x.ctj", place / "x.ct"):
            expected = ""
            for line in run(build / "lib" / "codetracer-trace", "print", "--json", "--all-locals", trace).splitlines():
                event = json.loads(line)
                if event["event"] == "step":
                    expected += " ".join([str(event["step"]), f"{event['file']}:{event['line']}", *event["locals"]]) + "\n"
            assert expected.count("\n") > 10
            assert run(place / "walk_trace", trace, env=libraries) == expected, trace
        missing = subprocess.run([place / "walk_trace", place / "nowhere"], env=libraries, capture_output=True, text=True)
        assert missing.returncode == 1 and missing.stderr == "there is no such file or folder\n", missing

        headers = next(place.rglob("codetracer.h")).parent
        assert {path.name for path in headers.iterdir()} == {path.name for path in (Path(__file__).parents[2] / "include/codetracer").glob("*.h")}
        every = place / "every.c"
        every.write_text("".join(f"#include <codetracer/{path.name}>\n" for path in sorted(headers.iterdir())))
        alone = headers / "codetracer.h"
        missing = [path.name for path in headers.iterdir() if path.name not in ("codetracer.h", "api.h") and path.name not in alone.read_text()]
        assert not missing, f"codetracer.h does not include {missing}"
        one = place / "one.c"
        for header in sorted(headers.iterdir()):
            one.write_text(f"#include <codetracer/{header.name}>\nint used;\n")
            run(*compiler, *warnings, "-c", one, "-o", place / "one.o", *flags)
        if shutil.which("c++"):
            run("c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++", every, *flags)
        static = run(*pkg_config, "--static", "--libs", "codetracer", env=environment).split()
        archive = next(place.rglob("libcodetracer.a"))
        rest = [flag for flag in static if flag not in ("-lcodetracer",)]
        run(*compiler, example, "-I", headers.parent, archive, *rest, "-o", place / "walk_static")
        assert run(place / "walk_static", place / "x.ctj") == run(place / "walk_trace", place / "x.ctj", env=libraries)


main()
