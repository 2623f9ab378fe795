"""Check a reader's answer to an exercise and say what is still wrong (notebook 03).

Notebook 03 has the first exercises of this kind, and those after it use the same check.
"""


def check(*demands):
    """Print the hint of the first demand that an answer does not meet, or that it is right.

    A demand is a pair of a function without arguments, which returns whether the answer meets it,
    and a hint. An answer that fails with an error does not meet it.

    >>> def double(number):
    ...     return number + 2
    >>> check((lambda: double(2) == 4, "twice 2 is 4"), (lambda: double(3) == 6, "twice 3 is 6"))
    Not yet: twice 3 is 6.
    """
    for is_met, hint in demands:
        try:
            met, told = bool(is_met()), ""
        except Exception as error:  # of any class, as it is the reader's code
            met, told = False, f" ({type(error).__name__}: {error})"
        if not met:
            print(f"Not yet: {hint}.{told}")
            return
    print("Right.")
