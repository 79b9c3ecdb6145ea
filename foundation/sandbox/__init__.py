"""What a server writes for its callers: below one folder, under checked names, with an index of which file is whose."""
