"""Files that make a usual tool run code when a model's folder is loaded or opened: the smallest of each kind, by family.

Each has a harmless twin, the smallest change that removes the danger. Both are beside a valid safetensors model.
"""
