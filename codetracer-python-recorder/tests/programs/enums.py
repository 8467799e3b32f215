"""Enum, IntEnum, StrEnum and Flag members."""

import enum


class Color(enum.Enum):
    RED = 1
    GREEN = (2, "two")

    def describe(self):
        return self.name.lower()


class Level(enum.IntEnum):
    LOW = 1
    HIGH = enum.auto()


class Word(enum.StrEnum):
    HELLO = enum.auto()


class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


red, level, word = Color.RED, Level.HIGH, Word.HELLO
both = Access.READ | Access.WRITE
several = {Color.RED: [Level.LOW], "w": word}
print(red.describe(), level + 1, word.upper(), both.value, several[Color.RED][0])
