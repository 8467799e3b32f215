"""A generator is called, resumed and finished; it also returns a value."""


def countdown(n):
    while n:
        yield n
        n -= 1
    return "liftoff"


for number in countdown(2):
    print(number)
iterator = countdown(1)
print(next(iterator))
try:
    next(iterator)
except StopIteration as stop:
    result = stop.value
print(result)
