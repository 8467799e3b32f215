"""Object-heavy: a small event-driven shop simulation."""
from timed import timed


class Item:
    def __init__(self, name, price):
        self.name = name
        self.price = price


class Customer:
    def __init__(self, ident, budget):
        self.ident = ident
        self.budget = budget
        self.bought = 0

    def wants(self, item):
        return self.budget >= item.price

    def buy(self, item):
        self.budget -= item.price
        self.bought += 1
        return item.price


class Shop:
    def __init__(self, items):
        self.items = items
        self.takings = 0
        self.log = 0

    def serve(self, customer, tick):
        item = self.items[(tick * 7 + customer.ident) % len(self.items)]
        if customer.wants(item):
            self.takings += customer.buy(item)
        else:
            self.log += 1
            customer.budget += 3
        return item


class Simulation:
    def __init__(self):
        self.shop = Shop([Item("item%d" % i, 1 + i % 5) for i in range(10)])
        self.customers = [Customer(i, 10 + i) for i in range(8)]

    def run(self, ticks):
        for tick in range(ticks):
            customer = self.customers[tick % len(self.customers)]
            self.shop.serve(customer, tick)
        return self.shop.takings


def main(n):
    return Simulation().run(n)


if __name__ == "__main__":
    timed(main)
