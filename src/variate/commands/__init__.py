"""What the commands do, once their options are understood: one module a command or two.

Data are read before torch is loaded, so what is wrong with them is said at once.
"""
