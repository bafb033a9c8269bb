"""Files: written whole or not at all, read with suspicion, and never pickles."""

from axon.files.atomic import DamagedFile, atomic, check_writable
