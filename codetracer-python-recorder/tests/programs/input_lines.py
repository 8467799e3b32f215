"""Standard input by input(), readline, iteration and read; its text is in input_lines.in."""

import sys

first = input("name? ")
second = sys.stdin.readline()
for third in sys.stdin:
    break
rest = sys.stdin.read()
try:
    input()
except EOFError:
    print("end of input")
print(first, second, third, rest)
