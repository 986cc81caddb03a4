"""The repositories: the application's data as methods to await. Each thing kept has a module and a
class.

`Store` has an attribute for each of these classes. Each method is one piece of work: it is done as
a whole or not at all, and its result is there after the commit. `database` tells which work waits
for which.
"""
