"""A small program to record: every line shows what its variables were before it ran.

    make record
    python -m codetracer_python_recorder --codetracer-format=json examples/locals_snapshot.py
"""
from dataclasses import dataclass, field


@dataclass
class Account:
    owner: str
    balance: int = 0
    history: list = field(default_factory=list)

    def deposit(self, amount):
        self.balance += amount
        self.history.append(("deposit", amount))

    def withdraw(self, amount):
        if amount > self.balance:
            raise ValueError(f"{self.owner} has only {self.balance}")
        self.balance -= amount
        self.history.append(("withdraw", amount))


def transfer(source, target, amount):
    try:
        source.withdraw(amount)
    except ValueError as error:
        print("refused:", error)
        return False
    target.deposit(amount)
    return True


def running_totals(amounts):
    total = 0
    for amount in amounts:
        total += amount
        yield total


def main():
    ada, bob = Account("Ada"), Account("Bob", 20)
    ada.deposit(50)
    done = [transfer(ada, bob, amount) for amount in (30, 40)]
    totals = list(running_totals([10, 20, 30]))
    scores = {"ada": 0.5, "bob": 1.5}
    scores["bob"] *= 2
    print(ada.balance, bob.balance, done, totals, scores)


main()
