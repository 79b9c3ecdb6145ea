"""May this draft be released: can each client express it, does it fit its schema and the rules, and does it hold no secret?"""
