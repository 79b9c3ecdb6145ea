"""The subjects: one module for each, with the classes that say what is judged (`arcops.judgeable`)."""
