"""The subjects: one module a subject, with the classes that say what of it is judged (`arcops.judgeable`)."""
