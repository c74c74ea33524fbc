"""The command line: `ultimus COMMAND`. flags.py says what there is; each command is a file."""

import sys
from importlib import import_module

from ..data.limits import one_line
from ..errors import UserError
from .flags import parser

MAX_SENTENCE = 1000  # characters; names of anything may stand in one


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code.

    It is 0 where all was done that was asked for, 2 with a sentence where it could not be, and 128
    and the signal's number where somebody has ended it, as shells have it.
    """
    try:
        flags = parser()
        options, options.others = flags.parse_known_args(arguments)
        if options.others and options.command != "app":
            flags.error(f"unrecognized arguments: {' '.join(options.others)}")
        # only now, so that no command waits for what another needs
        return import_module(f".{options.command.replace('-', '_')}", __package__).run(options)
    except UserError as error:
        print(f"ultimus: {one_line(str(error), MAX_SENTENCE)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ultimus: interrupted.", file=sys.stderr)
        return 130
