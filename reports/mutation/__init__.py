"""Reports of a mutation campaign: the terminal, Markdown, JSON."""
