"""Decimal and Fraction."""

import decimal
import fractions

price = decimal.Decimal("1.50")
values = [decimal.Decimal(v) for v in ("1E+5", "-0", "NaN", "-Infinity", "0.0000001")]
half = fractions.Fraction(1, 2)
sum_of = half + fractions.Fraction(1, 3)
with decimal.localcontext() as context:
    context.prec = 3
    context.capitals = 0
    third = decimal.Decimal(1) / 3
    big = decimal.Decimal("1E+9")
print(price * 2, sum_of, third)
