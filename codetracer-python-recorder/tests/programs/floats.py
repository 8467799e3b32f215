"""Floats of all kinds."""

infinity = float("inf")
values = [0.0, -0.0, 1.0, 0.1, 1e300, 1e-300, 5e-324, 1.7976931348623157e308, 1e16, 1e22, 123456789.125]
special = [infinity, -infinity, float("nan")]
third = 1 / 3
small = 1e-5
print(third, values[4] > 1, special[0] > 1)
