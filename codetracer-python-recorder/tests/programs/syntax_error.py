"""A syntax error: no line of the program runs."""

def broken(:
    pass
