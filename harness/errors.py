"""What fuseproof says when something is wrong: one base class, so that every entry point can print one clear sentence.

A message says what happened, where (file:line, kernel, case), and the way out.
"""


class FuseproofError(Exception):
    """Something a user can act on; printed without a traceback."""
