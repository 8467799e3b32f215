"""exec and eval of strings: that code is not recorded, functions that it calls are."""


def double(n):
    return n * 2


value = eval("double(4)")
namespace = {"double": double}
exec("result = double(5)\ndef made(n):\n    return double(n) + 1", namespace)
print(value, namespace["result"], namespace["made"](1))
exec("created = [double(n) for n in range(2)]")
print(created)
