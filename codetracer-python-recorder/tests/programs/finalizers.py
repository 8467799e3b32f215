"""__del__ runs where the last reference goes, at module level."""


class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("del", self.name)


first = Loud("first")
first = Loud("second")
holder = [first]
del first
holder.clear()
print("end")
Loud("temporary")
kept = Loud("kept")
del kept
