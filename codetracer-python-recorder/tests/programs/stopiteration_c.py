"""StopIteration raised by Python code and consumed by C code."""


class Numbers:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return self

    def __next__(self):
        if self.n == 0:
            raise StopIteration
        self.n -= 1
        return self.n


for number in Numbers(2):
    print(number)
print(list(Numbers(2)), sum(Numbers(3)), next(Numbers(0), "default"))
first, *rest = Numbers(3)
