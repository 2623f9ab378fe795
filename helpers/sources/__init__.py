"""Where images come from: downloads, files in the IDX format, folders of pictures."""
