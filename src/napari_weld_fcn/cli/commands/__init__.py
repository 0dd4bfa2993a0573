"""One file for each command, named as the command is.

The first line of a file is what `weld-fcn --help` says of it, and its `app` is the command: a file that is
added here is a command without another word (`cli.app`).
"""
