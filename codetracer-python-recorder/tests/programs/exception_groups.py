"""Exception groups and except*."""


def several():
    raise ExceptionGroup("several", [ValueError(1), TypeError(2), ExceptionGroup("inner", [ValueError(3)])])


def handle():
    seen = []
    try:
        several()
    except* ValueError as group:
        seen.append(len(group.exceptions))
    except* TypeError as group:
        seen.append(str(group.exceptions[0]))
    return seen


print(handle())
try:
    try:
        several()
    except* TypeError:
        pass
except ExceptionGroup as rest:
    print(rest.message, len(rest.exceptions))
