"""All kinds of parameters, in the order that the trace shows them."""


def kinds(first, second, /, third, fourth=4, *rest, fifth, sixth=6, **extra):
    return first, second, third, fourth, rest, fifth, sixth, extra


def only_rest(*rest):
    return rest


def only_extra(**extra):
    return extra


kinds(1, 2, 3, fifth=5)
kinds(1, 2, 3, 4, 5, 6, fifth=7, sixth=8, seventh=9)
only_rest()
only_rest(1)
only_extra()
only_extra(a=1)
