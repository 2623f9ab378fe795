"""What keeps the series whole: running, publishing, stamping, measuring. No notebook imports it."""
