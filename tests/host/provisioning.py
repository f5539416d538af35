"""`atecc provision ca`, as the tests of the workflow run it."""


def provision(run, board, ca, wish, *more, typed=None):
    return run(board, "provision", "ca", *ca.options, *wish, *more, typed=typed)
