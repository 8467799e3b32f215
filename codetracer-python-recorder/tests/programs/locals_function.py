"""locals() in a function shows what it shows without a recorder."""


def run(a):
    before = sorted(locals())
    b = 2
    after = sorted(locals())
    snapshot = dict(locals())
    del snapshot["snapshot" if "snapshot" in snapshot else "a"]
    return before, after, len(snapshot)


print(run(1))
