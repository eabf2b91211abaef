"""`python -m dirfa_pipeline` is `dirfa`."""

import sys

from .cli import main


sys.exit(main())
