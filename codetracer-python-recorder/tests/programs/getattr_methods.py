"""__getattr__, __setattr__, __delattr__ and __getattribute__ run for the program only."""


class Proxy:
    def __init__(self):
        self.log = []

    def __getattr__(self, name):
        self.log.append("get " + name)
        return name.upper()

    def __setattr__(self, name, value):
        super().__setattr__(name, value)

    def __delattr__(self, name):
        self.log.append("del " + name)


class Counting:
    count = 0

    def __getattribute__(self, name):
        Counting.count += 1
        return super().__getattribute__(name)


proxy = Proxy()
print(proxy.anything)
proxy.x = 1
del proxy.x
counting = Counting()
counting.y = 2
print(counting.y, Counting.count, proxy.log)
