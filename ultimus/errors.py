"""The one exception that is meant to be read by the person at the screen."""


class UserError(ValueError):
    """Bad input or a bad surrounding: one sentence that says what is wrong and what to do.

    Pages show its text, the command line prints it and exits with 2; neither shows a traceback.
    """
