"""What the command line says: tables that fit the screen, wrapped sentences, JSON; in `_bar` a bar of progress.

Nothing here imports a heavy package before it is needed: `--help` and completion wait for none.
"""

from selectdis.cli.console._items import Said, Table, boards, show
from selectdis.cli.console._tables import print_table
from selectdis.cli.console._words import say

__all__ = ["Said", "Table", "boards", "print_table", "say", "show"]
