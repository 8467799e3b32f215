"""Paths and UUIDs."""

import pathlib
import uuid


class Own(pathlib.PurePosixPath):
    pass


path = pathlib.Path("/a") / "b" / "c.txt"
parts = [pathlib.PurePosixPath(), pathlib.PureWindowsPath("c:\\x\\y"), path.parent, path.with_suffix(".py"), Own("o'o")]
identity = uuid.UUID(int=5)
named = uuid.uuid5(uuid.NAMESPACE_DNS, "example.org")
print(path.name, identity)
