"""`python -m grounding3d`."""

from __future__ import annotations

import sys

from grounding3d.interfaces.cli import main

sys.exit(main())
