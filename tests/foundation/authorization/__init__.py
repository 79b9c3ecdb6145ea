"""Who may do what: the engines, the files of a policy, and decisions."""
