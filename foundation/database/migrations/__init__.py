"""The steps of the schema, in `versions`, one module each. A step that was released is never changed."""
