"""What is read for a plan of models that share GPUs: the description, headers, configurations, profiles, and what was
measured.
"""
