"""super() through multiple inheritance, in methods and class methods."""


class Base:
    def __init__(self):
        self.path = ["Base"]

    @classmethod
    def make(cls):
        return cls()


class Left(Base):
    def __init__(self):
        super().__init__()
        self.path.append("Left")


class Right(Base):
    def __init__(self):
        super().__init__()
        self.path.append("Right")


class Both(Left, Right):
    def __init__(self):
        super().__init__()
        self.path.append("Both")

    @classmethod
    def make(cls):
        made = super().make()
        made.extra = True
        return made


both = Both.make()
print(both.path, [cls.__name__ for cls in Both.__mro__])
