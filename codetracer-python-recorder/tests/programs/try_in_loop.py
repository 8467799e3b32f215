"""try inside loops, with continue and break in the handlers."""

results = []
for item in ("1", "x", "2", "stop", "3"):
    try:
        number = int(item)
    except ValueError:
        if item == "stop":
            break
        continue
    else:
        results.append(number)
    finally:
        results.append("-")
print(results)
