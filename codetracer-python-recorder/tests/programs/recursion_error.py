"""A RecursionError is raised and caught; the program goes on."""


def dive(depth):
    return dive(depth + 1)


def safe():
    try:
        dive(0)
    except RecursionError:
        return "caught"


print(safe())
after = safe()
