"""Output from within a call belongs to the step that writes it."""


class Loud:
    def __str__(self):
        print("inside", end=";")
        return "loud"


print("before", Loud(), "after")
print(f"{Loud()}")
