"""A metaclass whose attributes, equality, hash and repr must never be asked."""


class Hostile(type):
    def __getattribute__(cls, name):
        if armed:
            raise RuntimeError("asked for " + name)
        return super().__getattribute__(name)

    def __eq__(cls, other):
        raise RuntimeError("compared")

    def __hash__(cls):
        if armed:
            raise RuntimeError("hashed")
        return 1

    def __repr__(cls):
        raise RuntimeError("shown")

    def __instancecheck__(cls, instance):
        raise RuntimeError("checked")


armed = False


class Victim(metaclass=Hostile):
    pass


victim = Victim()
armed = True
several = [victim, Victim]
done = 1
armed = False
print("done")
