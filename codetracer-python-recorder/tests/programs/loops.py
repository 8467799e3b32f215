"""for and while with else, break and continue."""


def search(items, wanted):
    for index, item in enumerate(items):
        if item is None:
            continue
        if item == wanted:
            break
    else:
        index = -1
    return index


def shrink(n):
    while n > 0:
        n -= 3
        if n == 1:
            break
    else:
        n = "else"
    return n


print(search([None, 1, 2], 2), search([1], 2), shrink(7), shrink(6))
