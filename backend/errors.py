"""The one exception whose text is meant for the artist."""


class UserError(ValueError):
    """Something the user can put right; its text is one sentence that says what to do."""
