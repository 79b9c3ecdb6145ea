"""Reading the subject's files: by descriptors, without following a link, and never more than the limits allow."""
