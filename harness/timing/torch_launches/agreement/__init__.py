"""Whether the rules say what ran: each operator of a recorded trace against the launches that its rule expects."""
