"""A metaclass with __prepare__, __new__, __init__ and __call__."""


class Meta(type):
    @classmethod
    def __prepare__(mcs, name, bases, **options):
        return {"prepared": options}

    def __new__(mcs, name, bases, namespace, **options):
        return super().__new__(mcs, name, bases, dict(namespace))

    def __init__(cls, name, bases, namespace, **options):
        super().__init__(name, bases, namespace)

    def __call__(cls, *args):
        made = super().__call__(*args)
        made.marked = True
        return made


class Made(metaclass=Meta, option=1):
    value = 1


made = Made()
print(made.marked, Made.prepared)
