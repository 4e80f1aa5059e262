"""The page, section by section: each file makes the HTML of one, its numbers as tables, and what its charts draw."""
