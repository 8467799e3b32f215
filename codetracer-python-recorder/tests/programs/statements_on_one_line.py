"""Several statements on one line make one step."""

a = 1; b = 2; c = a + b
if c: d = 4; e = 5
try: f = 1 / 0
except ZeroDivisionError: f = 0
print(a, b, c, d, e, f); print("end")
