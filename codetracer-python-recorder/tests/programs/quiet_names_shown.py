"""Names of a module that change as entries of a dict that is shown, or as attributes of an instance that has that dict for its own (ext/quiet.c, is_shown_dict and
recorder.instance_dicts). Each of those steps shows all names within a variable."""

ROUNDS = 60
SHOWN = 20


class Plain:
    pass


# until the lines are followed, and names are no object's yet
a = b = c = None
for i in range(ROUNDS):
    a = i
    b = a
    c = b
    a = c
    b = i

# as the dict's entries
entry = None
whole = {}
for i in range(SHOWN):
    if i == SHOWN // 2:
        whole = globals()
    whole["entry"] = i
    a = i
    entry = a
    whole["a"] = [i]
    b = whole["a"]
whole = None

# shown in a function, by its name there
namespace = globals()


def show(n, names):
    global entry
    for i in range(n):
        entry = i
        names["entry"] = [i]
        entry = i


show(SHOWN, namespace)
namespace = None

# an instance's attributes are the names, and what an instance has are names
code = compile("for i in range(50):\n    v = i\n    w = [v]\n    v = other\n    other.v = w\n", "names of an instance.py", "exec")
for i in range(3):
    instance = Plain()
    instance.v = 1
    instance.__dict__["other"] = instance
    instance.__dict__["__builtins__"] = {"range": range}  # not all of them, in each step
    exec(code, instance.__dict__)
    exec(code, {"other": instance}, vars(instance))
for i in range(SHOWN):
    a = i
    instance.__dict__ = globals() if i > SHOWN // 2 else {}
    b = i
    instance.b = [i]
    a = instance.b
instance = None
