"""Pages for the people who get our mail: no account, no cookie, only the link in the email."""
