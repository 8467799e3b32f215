"""Some everyday code: a sieve, a binary search, a matrix product, word counts."""


def sieve(limit):
    prime = [True] * limit
    for n in range(2, limit):
        if prime[n]:
            for multiple in range(n * n, limit, n):
                prime[multiple] = False
    return [n for n in range(2, limit) if prime[n]]


def search(items, wanted):
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if items[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


def product(a, b):
    return [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


def count(text):
    counts = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    return counts


print(sieve(12), search([1, 3, 5], 4), product([[1, 2]], [[3], [4]]), count("a b a"))
