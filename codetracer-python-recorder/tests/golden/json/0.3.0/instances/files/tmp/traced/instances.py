"""Attributes are added, changed, deleted and reordered."""


class Box:
    shared = []

    def __init__(self):
        self.first = 1
        self.second = [2]


box = Box()
other = Box()
box.second.append(3)
box.third = other
del box.first
box.first = "again"
box.__dict__["fourth"] = 4
box.shared.append("class")
setattr(box, "fifth", ())
vars(other).clear()
print(sorted(vars(box)))
