"""Bare raise: in the handler, in a function called by it, after another handled exception."""


def direct():
    try:
        raise ValueError("direct")
    except ValueError:
        raise


def helper():
    raise


def indirect():
    try:
        raise KeyError("indirect")
    except KeyError:
        helper()


def after_another():
    try:
        raise OSError("first")
    except OSError:
        try:
            raise TypeError("second")
        except TypeError:
            pass
        raise


def through_finally():
    try:
        raise LookupError("outer")
    finally:
        try:
            raise TypeError("inner")
        except TypeError:
            pass


for function in (direct, indirect, after_another, through_finally):
    try:
        function()
    except Exception as error:
        print(type(error).__name__, error)
