"""A user's file with our entries in it: the smallest change, read again and compared before it is given back."""
