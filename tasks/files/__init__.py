"""Reading the subject's files: by descriptors, without following a link, and never past the bounds."""
