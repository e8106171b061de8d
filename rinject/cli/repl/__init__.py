"""``rinject repl``: programs typed statement by statement, each shown on a running example.

The engine takes lines and yields what there is to show; it knows no terminal.
"""

from rinject.cli.repl.command import register

__all__ = ["register"]
