"""A free variable that is bound only after the closure was made."""


def outer():
    def inner():
        try:
            return late
        except NameError as error:
            return str(error)

    before = inner()
    late = 1
    return before, inner()


print(outer())
