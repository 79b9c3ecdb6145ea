"""What can be made again at any time: in memory, and beside it in Redis as a hint for the other hosts of one database.

Nothing here is true because it is here. Who asks for a value gives what makes it; without the cache it is made each time.
"""
