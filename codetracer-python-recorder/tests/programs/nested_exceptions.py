"""Exceptions inside handlers: context, cause, suppressed context."""


def convert():
    try:
        {}["missing"]
    except KeyError as error:
        raise ValueError("converted") from error


def replaced():
    try:
        1 / 0
    except ZeroDivisionError:
        [][1]


def hidden():
    try:
        1 / 0
    except ZeroDivisionError:
        raise TypeError("hidden") from None


for function in (convert, replaced, hidden):
    try:
        function()
    except Exception as error:
        cause, context = error.__cause__, error.__context__
        print(type(error).__name__, type(cause).__name__, type(context).__name__)
