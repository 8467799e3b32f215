"""An exception in a key function passes through C."""


def key(item):
    return 1 / item


items = [2, 0, 1]
try:
    items.sort(key=key)
except ZeroDivisionError as error:
    print(error, items)
