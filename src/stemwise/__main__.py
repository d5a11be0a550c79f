"""`python -m stemwise` is the command line."""

import sys

from stemwise.cli import main

sys.exit(main())
