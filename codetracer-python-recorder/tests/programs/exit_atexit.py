"""atexit functions run after the main module, last registered first."""

import atexit


def bye(name):
    print("bye", name)


atexit.register(bye, "first")
atexit.register(bye, "second")
print("main ends")
