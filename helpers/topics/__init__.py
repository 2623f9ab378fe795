"""One notebook's own subject a file; the first line of each names the notebook."""
