"""One flow a subject, and what each evaluates."""
