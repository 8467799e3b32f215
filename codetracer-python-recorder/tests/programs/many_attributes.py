"""An object with more attributes than are kept, and many small objects."""


class Big:
    pass


big = Big()
for n in range(5): big.__dict__.update(("a%03d" % (i + n * 250), i) for i in range(250))
many = [Big() for n in range(5)]
listed = [big, many]
print(len(vars(big)))
