"""Containers of which a run of elements is replaced: at the end, at the beginning, within; by scalars, long ones, objects that die and come again at the same address."""

import random
from collections import deque


class Thing:
    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number


def element(chance, number):
    kind = chance.randrange(9)
    if kind == 0:
        return Thing(number)
    if kind == 1:
        return [number]
    if kind == 2:
        return "long " * 20 + str(number)
    if kind == 3:
        return 1 << (20 * (number % 9))
    if kind == 4:
        return chance.choice([None, True, 1.5, "a", "ä" * 10, "twelve chars"])
    if kind == 5:
        return (number, "x")
    return number % 5


def lists(chance, rounds):
    items = []
    for number in range(rounds):
        kind = chance.randrange(10)
        if kind < 3:
            items.append(element(chance, number))
        elif kind == 3 and items:
            items.pop()
        elif kind == 4 and items:
            items.pop(0)
        elif kind == 5:
            items.insert(len(items) // 2, element(chance, number))
        elif kind == 6:
            items.extend([element(chance, number), element(chance, number + 1)])
        elif kind == 7:
            del items[chance.randrange(9) :]
        elif kind == 8:
            items[1:3] = [element(chance, number)] * chance.randrange(4)
        elif len(items) > 1:
            items[-1] = items.pop(0)
    return items


def stack_of_things(rounds):
    stack = [Thing(0)]
    for number in range(rounds):
        stack.append(Thing(number))
        stack.pop()
        stack.append([Thing(number)])
        stack[0] = stack.pop()
    stack.clear()
    return stack


def the_same_twice(rounds):
    one = Thing(1)
    items = [one, one, one]
    for number in range(rounds):
        items.append(items[0])
        del items[0]
        one = Thing(number)
        items.insert(1, one)
        items.pop()
    return items


def dicts(chance, rounds):
    table = {}
    for number in range(rounds):
        kind = chance.randrange(8)
        key = chance.choice([number, str(number % 7), number % 3, (number % 4,), Thing(number)])
        if kind < 4:
            table[key] = element(chance, number)
        elif kind == 4 and table:
            table.popitem()
        elif kind == 5 and table:
            del table[next(iter(table))]
        elif kind == 6:
            table["key"] = table.pop("key", number)
        elif len(table) > 9:
            table = dict(list(table.items())[:4])
    return table


def entries_in_part(rounds):
    """Entries of which the key or the value alone is another, beside one that comes or goes."""
    table = {"first": 0, "last": 1}
    for number in range(rounds):
        last = list(table)[-1]
        table.update({last: number, f"more{number}": number})
        table[f"again{number}"] = table.pop(f"more{number}")
        table.update({"first": number, f"key{number}": number, f"key{number + 1}": number})
        table.pop(last), table.pop(f"key{number}"), table.setdefault(f"same{number}", number)
    return table


def named(rounds):
    table = {}
    for number in range(rounds):
        table[f"name{number}"] = number
        table["key"] = "value" + str(number)
        table[f"other{number}"] = "other" + str(number)
        del table["key"]
        table.pop(f"name{number}")
    return table


def sets(chance, rounds):
    some = set()
    for number in range(rounds):
        some.add(chance.choice([number % 20, 1 << 70 + number % 3, True, None, (number % 3, 1)]))
        some.discard(number % 13)
        if len(some) > 12:
            some.pop()
    return len(some)


def deques(chance, rounds):
    items, window = deque(), deque(maxlen=4)
    for number in range(rounds):
        kind = chance.randrange(6)
        window.append(element(chance, number))
        if kind < 2:
            items.append(element(chance, number))
        elif kind == 2:
            items.appendleft(element(chance, number))
        elif kind == 3 and items:
            items.popleft()
        elif kind == 4 and items:
            items.pop()
        else:
            items.rotate(1)
    return len(items)


def many(count):
    items, table = [], {}
    for number in range(count):
        items.append(number)
        table[number] = number
    while items:
        items.pop()
        table.popitem()
    return items


print(len(lists(random.Random(1), 150)))
print(len(stack_of_things(15)), len(the_same_twice(12)))
print(len(dicts(random.Random(2), 120)), len(named(8)), len(entries_in_part(8)))
print(sets(random.Random(3), 60), deques(random.Random(4), 90))
print(many(40))
