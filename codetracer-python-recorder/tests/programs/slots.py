"""Instances with __slots__: unfilled ones, inherited ones, private ones, with a dict as well."""


class Base:
    __slots__ = ("b", "a")


class Derived(Base):
    __slots__ = ("c", "__private")

    def hide(self, value):
        self.__private = value


class Open(Base):
    pass


class Nothing:
    __slots__ = ()


base, derived, opened, nothing = Base(), Derived(), Open(), Nothing()
base.a = 1
derived.c, derived.b = 3, 2
derived.hide("p")
opened.a, opened.extra = 1, 2
del derived.b
try:
    base.b
except AttributeError:
    print("unfilled")
