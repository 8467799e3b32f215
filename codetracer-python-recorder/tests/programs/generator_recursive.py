"""A generator walks a tree through itself."""

tree = (1, [(2, []), (3, [(4, [])])])


def walk(node):
    value, children = node
    yield value
    for child in children:
        yield from walk(child)


print(list(walk(tree)))
