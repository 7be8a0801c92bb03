"""Options of the measures; nothing heavy is imported here."""
