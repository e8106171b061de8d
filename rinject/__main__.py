"""``python -m rinject`` is the ``rinject`` command."""

import sys

from rinject.cli.main import main

sys.exit(main())
