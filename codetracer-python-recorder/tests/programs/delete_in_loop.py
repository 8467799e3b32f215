"""A variable that is deleted in each turn of a loop."""

for n in range(3):
    value = n * 2
    if n != 1:
        del value
    del n
print("value" in dir())
