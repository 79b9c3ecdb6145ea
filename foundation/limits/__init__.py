"""How often a caller may call: token buckets and quotas for each caller, and for each tool of a caller.

`rules` says what is limited, `reading` and `limits_file` read it from the operator's file, `bucket` is the arithmetic, and
`deciding` decides. The counts are in `memory`, in the database (`stored`) or in Redis (`remote`). If shared counts are lost, a
share of each limit counts in memory, never none.
"""
