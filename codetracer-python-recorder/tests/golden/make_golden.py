"""Adds golden files of the formats' versions as they are written now: tests/golden/FORMAT/VERSION/PROGRAM… with what is read back beside it, one JSON object per
event (docs/print-json.md). Run by hand when a format's version has changed, with the environment of `make dev`:

    PYTHONPATH=codetracer-python-recorder .venv/bin/python codetracer-python-recorder/tests/golden/make_golden.py

Nothing that is there already is written again. Look at the *.jsonl before you commit them: from then on they are the truth.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "fuzz"))

from make_seeds import PROGRAMS, TOOL, TRACED, record, traced_folder  # noqa: E402

# What the version in the folder's name means: the journal's own number; the container's version, and
# that it has columns; the first release of trace.json's shape; V1 and V0.
VERSIONS = {"journal": "1.4", "ct": "4-columns", "ct-single": "4", "ct-multi": "4-columns", "json": "0.3.0", "binary": "v1", "binary-v0": "v0"}
SUFFIXES = {"journal": ".ctj", "ct": ".ct", "ct-single": ".ct", "ct-multi": ".ct"}
NAMES = ["threads_exception", "instances", "generator_throw"]
# Journals of version 1.5 tell output that went to file descriptors; standard output and standard error are two pipes, then one.
DESCRIPTORS = "import os\nos.write(1, b'bytes \\xff\\n')\nos.write(2, b'error\\n')\nprint('text')\n"


def keep_descriptors(folder):
    place = HERE / "journal" / "1.5"
    script = TRACED / "descriptors.py"
    script.write_text(DESCRIPTORS)
    for name, error in (("descriptors", subprocess.PIPE), ("one_descriptor", subprocess.STDOUT)):
        trace = place / f"{name}.ctj"
        if trace.exists():
            continue
        place.mkdir(parents=True, exist_ok=True)
        (journal,) = record(folder / name, script, "--io-capture=proxies+fd", error=error).glob("*.ctj")
        shutil.copy(journal, trace)
        (place / f"{name}.jsonl").write_bytes(subprocess.run([TOOL, "print", "--json", trace], check=True, capture_output=True).stdout)


def main():
    with traced_folder() as folder:
        keep_descriptors(folder)
        for name in NAMES:
            (journal,) = record(folder / name, shutil.copy(PROGRAMS / f"{name}.py", TRACED)).glob("*.ctj")
            for kind, version in VERSIONS.items():
                place = HERE / kind / version
                trace = place / f"{name}{SUFFIXES.get(kind, '')}"
                if trace.exists():
                    continue
                place.mkdir(parents=True, exist_ok=True)
                if kind == "journal":
                    shutil.copy(journal, trace)
                else:
                    subprocess.run([TOOL, "convert", journal, trace, "--to", kind], check=True, capture_output=True)
                os.chmod(trace, 0o755 if trace.is_dir() else 0o644)
                shown = subprocess.run([TOOL, "print", "--json", trace], check=True, capture_output=True).stdout
                (place / f"{name}.jsonl").write_bytes(shown)


if __name__ == "__main__":
    main()
