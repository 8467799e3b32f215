"""globals() is changed by key, and locals() of a module is the same dict."""

globals()["made"] = 1
locals()["also"] = 2
globals().update(three=3)
globals()[4] = "not a name"
del globals()["made"]
print(also, three)
