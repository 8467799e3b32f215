"""try with except, else and finally, in all ways through."""


def run(action):
    path = []
    try:
        path.append("try")
        action()
    except ValueError as error:
        path.append("except %s" % error)
    except (KeyError, IndexError):
        path.append("lookup")
    else:
        path.append("else")
    finally:
        path.append("finally")
    return path


def fail():
    raise ValueError("bad")


print(run(lambda: None), run(fail), run(lambda: {}[1]))
try:
    run(lambda: 1 / 0)
except ZeroDivisionError:
    print("passed on")
