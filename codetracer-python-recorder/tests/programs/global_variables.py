"""Functions that read, set and delete global variables."""

total = 0
passing = "here"


def add(n):
    global total
    total += n


def remove():
    global passing
    del passing


for i in range(3):
    add(i)
remove()
print(total, "passing" in globals())
