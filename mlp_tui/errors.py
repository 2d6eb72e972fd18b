"""The error whose message is meant for the person at the keyboard."""


class UserError(Exception):
    """Something the user can mend: its text is one sentence that says what is wrong and what to do."""
