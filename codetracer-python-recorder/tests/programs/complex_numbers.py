"""Complex numbers."""

z = 1 + 2j
values = [z, z * z, 0j, -0j, complex("inf"), complex(1, -0.0)]
print(abs(3 + 4j))
