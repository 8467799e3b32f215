"""Strings are built, formatted and sliced."""

text = ""
for letter in "abc":
    text += letter
joined = ", ".join([text, text.upper()])
formatted = "%s has %d, {0}" % (text, len(text))
nested = f"{text!r:>8}|{f'{len(text):0{3}}'}|{ {'k': 1}['k'] }"
raw = r"\n" + "\n\t\x00\x1f\x7f\"\\/"
print(joined, formatted, nested)
