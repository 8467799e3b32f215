"""Text on standard output: several writes in a line, several lines in a write, none."""

import sys

print("one", "two", sep="-", end="!\n")
print()
print("no newline", end="")
sys.stdout.write("a\nb\nc")
sys.stdout.write("")
sys.stdout.writelines(["d\n", "e"])
print("f", flush=True); print("g")
for n in range(3): print(n, end=" ")
print(file=sys.stdout)
