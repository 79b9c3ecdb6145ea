"""The one place that starts processes: with our own paths, an empty folder, a named environment, and walls where they parse.

`starting` starts them, `environments` says what each kind is told, `walls` is what a child puts around itself before it reads
what others made, of `landlock` and `seccomp`. No other module of the product starts a process; a test walks the source.
"""
