"""`python -m atecc`: the same as `atecc`, where that is not on the PATH."""

from atecc.cli import main

if __name__ == "__main__":
    main()
