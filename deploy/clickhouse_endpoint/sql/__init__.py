"""SQL texts: tokens, statements, quoting."""
