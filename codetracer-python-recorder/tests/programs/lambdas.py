"""Lambdas, with defaults, nested, and as keys."""

double = lambda x: x * 2
power = lambda base, *, exponent=2: base**exponent
compose = lambda f, g: lambda x: f(g(x))
print(double(4), power(3), compose(double, power)(5))
print(sorted(["bb", "a", "ccc"], key=lambda text: -len(text)))
