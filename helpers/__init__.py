"""Shared building blocks of the notebooks: from pixels to a finding, one module per step."""
