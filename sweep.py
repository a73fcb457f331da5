"""What `ray submit` copies and `python` runs. Defines nothing: Ray would pickle it by value onto every worker."""

from sweeps.cli import sweep

if __name__ == "__main__":
    sweep()
