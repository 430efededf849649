"""Where the program starts and how it ends: it is ready for Ctrl-C and SIGTERM before anything large is loaded."""

from __future__ import annotations

import sys

from saccade.cli.termination import INTERRUPTED, termination_is_an_interrupt
from saccade.errors import SaccadeError

FAILED = 2


def main(arguments: list[str] | None = None) -> None:
    """Runs the program and leaves with its exit code: 0, 2 after an error, 130 after Ctrl-C or SIGTERM.

    Args:
        arguments: the words after the program's name; those of the process by default.
    """
    with termination_is_an_interrupt() as interruption:
        try:
            from saccade.cli.application import app

            app(args=arguments, prog_name="saccade")
        except SaccadeError as error:
            print(f"saccade: {' '.join(str(error).split())}", file=sys.stderr)
            sys.exit(FAILED)
        except KeyboardInterrupt:
            pass
        except SystemExit as end:
            if not _is_an_untold_interrupt(end):
                raise
        except Exception:  # a library that is interrupted while it loads may raise anything
            if not interruption.arrived:
                raise
        else:
            return
    # Here, where the exception is gone, what it kept alive has closed too, such as a progress bar.
    print("saccade: interrupted", file=sys.stderr)
    sys.exit(INTERRUPTED)


def _is_an_untold_interrupt(end: SystemExit) -> bool:
    """Tells whether typer turned an interrupt into this exit, without a word; a verb that catches one tells of it."""
    cause = end.__context__ and end.__context__.__cause__
    return end.code == INTERRUPTED and isinstance(cause, KeyboardInterrupt)
