"""Data and non-data descriptors with __set_name__."""


class Typed:
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        return self if instance is None else instance.__dict__.get(self.name, 0)

    def __set__(self, instance, value):
        instance.__dict__[self.name] = int(value)

    def __delete__(self, instance):
        del instance.__dict__[self.name]


class Account:
    balance = Typed()


account = Account()
account.balance = "5"
account.balance += 1
print(account.balance)
del account.balance
print(account.balance, Account.balance.name)
