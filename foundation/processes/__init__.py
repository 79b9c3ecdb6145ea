"""The one place that starts processes: with our own paths, an empty folder, a listed environment, and walls for parsers.

`starting` starts them. `environments` lists the variables for each kind. `walls` (made of `landlock` and `seccomp`) is what a
child puts around itself before it reads foreign input. No other module of the product starts a process; a test checks this.
"""
