"""How large a program may grow while it is read. What is larger is a clear error, and soon."""

MAX_STEPS = 100_000
"""Expressions evaluated, loops and functions unrolled."""
ITEMS_PER_STEP = 10
"""Items of a list that are made or searched at the cost of one expression."""
PAIRS_PER_STEP = 30
"""Pairs of positions, for each s-op and selector, that a call on an input looks at likewise."""
DEEPEST_CALL = 100
"""Calls of functions within each other."""
MAX_LENGTH = 10_000
"""Items of a list, characters of a string."""
MAX_BITS = 4096
"""Of a whole number, at run time too."""
MAX_DIGITS = 300
"""Of a number as written: inside the range of a float."""
MAX_INPUT = 500
"""Tokens of an input that an s-op is called on."""
LARGEST_FILE = 200_000
"""Bytes of a source file."""
