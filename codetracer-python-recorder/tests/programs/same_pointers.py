"""Objects that change while little of their memory does: what a comparison of pointers must not miss."""

import _thread
import bisect
import collections
import functools
import heapq
import operator


class Node:
    def __init__(self, value=0):
        self.value = value
        self.next = None


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a = self.b = None


def attributes_in_another_order():
    node = Node(None)
    del node.value
    node.value = None
    del node.next
    node.next = None
    node.extra = node
    del node.extra
    node.__dict__["value"] = 1.5
    node.__dict__ = {"next": None, "value": 1.5}
    taken = node.__dict__
    taken["value"] = [1.5]
    node.value.append(2)
    vars(node)["value"] = node
    return node.value is node


def keys_in_another_order():
    d = {"a": 1, "b": 1}
    d["a"] = d.pop("a")
    d["b"] = d.pop("b")
    d.pop("a")
    d.setdefault("a", 1)
    d |= {"a": 1.0}
    d.update(a=True)
    counts = collections.defaultdict(list)
    counts["x"]
    counts["y"].append(1)
    ordered = collections.OrderedDict(a=1, b=1)
    ordered.move_to_end("a")
    ordered.popitem(last=False)
    return list(d), list(counts), list(ordered)


def addresses_used_again():
    row, node, seen = [None, 0.5], Node(), []
    for i in range(6):
        row[0] = None
        row[0] = [i]
    for i in range(6):
        row[0] = None
        row[0] = (i, [i])
    for i in range(6):
        row[1] = None
        row[1] = i * 1.5
    for i in range(6):
        row[1] = None
        row[1] = "text %d" % i
    for i in range(6):
        row[1] = None
        row[1] = 10**20 + i
    for i in range(6):
        node.next = None
        node.next = Node(i)
    for i in range(6):
        operator.setitem(row, 0, None) or operator.setitem(row, 0, Node(i))
    for i in range(6):
        node.value = None
        node.value = {"k": i}
    for i in range(6):
        exec("row[0] = None; row[0] = [i]; node.next = None; node.next = Node(i)", globals(), {"row": row, "node": node, "i": i})
    for pair in zip(row, (node, node)):
        seen.append(pair[1] is node)
    return seen


def changed_by_c():
    items = [5, 3, 4]
    heapq.heapify(items)
    heapq.heappush(items, 1)
    bisect.insort(items, 2)
    operator.setitem(items, 0, 99)
    list(map(items.append, (7, 7)))
    items[1:3] = [3, 3]
    items.sort(key=lambda x: (len(items), -x)[1])
    items *= 2
    queue = collections.deque([1, 2, 3], maxlen=3)
    queue.rotate(1)
    queue.append(1)
    queue.appendleft(1)
    queue[1] = queue
    names = {"a", "b"}
    names.discard("a")
    names.add("c")
    names ^= {"c", "d"}
    both = bytearray(b"abc")
    both[0] = 65
    view = memoryview(both)
    view[1] = 66
    view.release()
    both.extend(b"d")
    return len(items), len(queue), sorted(names), bytes(both)


def changed_by_end_of_objects():
    log = []

    class Ends:
        def __del__(self):
            log.append("ended")

    one = Ends()
    one = None
    two = [Ends(), Ends()]
    two.pop()
    two.clear()
    return one, log


def changed_by_a_thread():
    """By one that runs no Python code, within one line: when it gets its turn is not for a test to say."""
    items, node = [0], Node()
    done = _thread.allocate_lock()
    done.acquire()
    calls = [functools.partial(items.__setitem__, 0, 1.5), functools.partial(setattr, node, "value", items), done.release]
    _thread.start_new_thread(list, (map(operator.call, calls),)) and done.acquire()
    return node.value is items


def deep_and_shared():
    inner = [0]
    chain = inner
    for _ in range(7):
        chain = [chain, inner]
    inner[0] = 1
    chain[0][0][0][0] = None
    inner.append(chain)
    chain[1] = []
    inner[0] = 2
    near = [inner]
    inner[0] = 3
    near.append(inner.pop())
    return len(near)


def slots():
    s = Slotted()
    s.a = s.b = 2.5
    s.a, s.b = s.b, s.a
    s.b = [s.a]
    s.b[0] = s
    del s.a
    s.a = 2.5
    return s.a


class Other:
    def __init__(self):
        self.value = 1


def class_changes():
    node = Node(1)
    held = [node]
    node.__class__ = Other
    node.value = 2
    Other.__name__ = "Renamed"
    node.value = 2
    Other.__name__ = "Other"
    return held[0].value


def exceptions():
    error = ValueError("a", [1])
    error.args[1].append(2)
    error.args = ("b",)
    error.extra = 1.5
    error.extra = [error.extra]
    error.extra.append(2)
    return error.args


print(attributes_in_another_order(), keys_in_another_order(), all(addresses_used_again()), changed_by_c())
print(changed_by_end_of_objects(), changed_by_a_thread(), deep_and_shared(), slots(), class_changes(), exceptions())
