"""``python -m saccade``: the program, for launchers such as torchrun that start modules."""

from saccade.cli import main

if __name__ == "__main__":
    main()
