"""Unicode text of all widths, lone surrogates, and names that are not ASCII."""

latin, greek, wide, emoji = "é", "λόγος", "漢字", "😀"
lone = "a\udc80b\ud800"
naïve = {"ключ": [latin, emoji], lone: lone}
separators = "\u2028\u0085\ufeff"


def größe(ñ):
    return len(ñ)


print(größe(emoji), größe(lone), ascii(lone))
