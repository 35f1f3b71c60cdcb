"""Checks the annotations of every function of the package while the tests run: types by beartype, shapes by jaxtyping.

jaxtyping has an import hook for this, which wraps every function in a scope for the names of axes. That takes tens of
microseconds per call, and took a third of all the time of the tests. Only functions whose annotations hold a shape need
a scope; here the others have beartype's check alone.
"""

import ast
import contextlib
import dataclasses
import inspect
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader
from typing import Any, get_args, get_type_hints

from beartype import beartype
from jaxtyping import AbstractArray, jaxtyped

NAME = "__checked__"
"""What the decorator is called in the modules."""


def checked(function):
    """The function, or the data class, with a check of its arguments and of what it returns."""
    if inspect.isclass(function):
        if dataclasses.is_dataclass(function) and "__init__" in vars(function):
            function.__init__ = checked(function.__init__)
        return function
    written = function.__annotations__
    hints = {name: resolved(hint, function.__globals__) for name, hint in written.items()}
    has_shapes = any(map(has_shape, hints.values()))
    if has_shapes and inspect.isgeneratorfunction(function):
        return jaxtyped(function, typechecker=beartype)  # a scope of its own would end before the first value is taken
    function.__annotations__ = hints
    checks = beartype(function)
    function.__annotations__ = checks.__annotations__ = written
    return Scope()(checks) if has_shapes else checks


class Scope(contextlib.ContextDecorator):
    """A scope for the names of axes: while it is open, each name is one number."""

    def __enter__(self):
        jaxtyped("context").__enter__()

    def __exit__(self, *raised):
        jaxtyped("context").__exit__(*raised)


def resolved(annotation, names):
    """The annotation with the names in its strings looked up; `Any` if one is only known to the type checker."""

    def holder(value): ...

    holder.__annotations__ = {"value": annotation}
    try:
        return get_type_hints(holder, names, include_extras=True)["value"]
    except (NameError, AttributeError):
        return Any


def has_shape(annotation):
    """Whether a shape stands anywhere in the annotation."""
    if inspect.isclass(annotation) and issubclass(annotation, AbstractArray):
        return True
    return any(map(has_shape, get_args(annotation)))


class Decorating(ast.NodeTransformer):
    """Writes the decorator at every function, nearest to it, and at every class, farthest from it."""

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        node.decorator_list.append(ast.Name(NAME, ast.Load()))
        return node

    def visit_ClassDef(self, node):
        self.generic_visit(node)
        node.decorator_list.insert(0, ast.Name(NAME, ast.Load()))
        return node


class CheckedLoader(SourceFileLoader):
    """Runs a module with the decorator in its source."""

    def get_code(self, fullname):
        tree = Decorating().visit(ast.parse(self.get_data(self.path)))
        return compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)

    def exec_module(self, module):
        vars(module)[NAME] = checked
        super().exec_module(module)


class CheckedFinder(MetaPathFinder):
    def __init__(self, modules):
        self.modules = modules

    def find_spec(self, fullname, path=None, target=None):
        if not any(fullname == module or fullname.startswith(module + ".") for module in self.modules):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = CheckedLoader(fullname, spec.loader.path)
        return spec


def check_annotations(modules):
    """Checks, to the end of the run, the functions of modules that are imported from now on."""
    sys.meta_path.insert(0, CheckedFinder(tuple(modules)))
