"""Expressions and calls over several lines: the lines come in the order in which they run."""


def f(*args, **kwargs):
    return len(args) + len(kwargs)


value = (
    1
    + f(
        2,
        f(3),
        key=f(
            4,
        ),
    )
    * 2
)
table = {
    "a": value,
    "b": f(value,
           value),
}
text = ("one "
        "two "
        f"{value}")
condition = (value > 1
             and len(text) > 3
             or table)
print(value, table, text, condition)
