"""The published form of a notebook: normalised, and stamped with what its outputs came from.

The stamp holds a hash of everything that can change the notebook's numbers and a hash of its stored
outputs, so that a test can tell when they no longer belong together.
"""

import ast
import functools
import hashlib
import json
import re
from pathlib import Path

from helpers import settings

# The modules whose definitions can change a result.
RESULT_MODULES = (
    "data",
    "pipeline",
    "layers",
    "models",
    "optimizers",
    "training",
    "evaluation",
    "budgets",
    "classical",
    "comparison",
    "ensembling",
    "explaining",
    "pruning",
    "shipped",
    "transfer",
    "tuning",
    "auditing",
    "calibration",
    "corruptions",
    "deployment",
    "novelty",
    "photo",
    "loading",
    "pictures",
)
# Bookkeeping cannot, but calls what can; figures and settings do not even do that. How answers are
# rounded when they are stored is watched by a test of the published results.
FOLLOWED_MODULES = ("cost", "runs")
# Definitions in the result modules that change no published result: they are about other data sets
# or about places on the disk, or show progress or text.
WITHOUT_EFFECT = {
    "runs._show_beside_published",
    "cost.machine",
    "transfer.KERAS_MODELS",
    "data.OTHER_CLASS_NAMES",
    "models.source",
    "training.ProgressLine",
}
# What every result of a network goes through, and the modules whose classes its recipe names.
EVERY_RESULT = (
    ("data", "split"),
    ("models", "build"),
    ("training", "train"),
    ("evaluation", "predict"),
    ("evaluation", "metrics"),
)
# The same of a classical baseline.
EVERY_BASELINE = (
    ("data", "split"),
    ("classical", "fit"),
    ("classical", "Fit"),
    ("evaluation", "metrics"),
)
NAMED_BY_RECIPES = ("optimizers", "pipeline")
ON_IMPORT = "(on import)"  # stands for what a module does when it is imported
MARKER = "# NBVAL_CHECK_OUTPUT"
BOOTSTRAP_ID = "bootstrap"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
CELL_METADATA = ("tags", "jupyter")

_DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ASSIGNMENT = (ast.Assign, ast.AnnAssign, ast.AugAssign)


def stamp(notebook, seed, versions, seconds):
    """Write the stamp of a full run into a notebook's metadata, beside what its author keeps there.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Executed and normalised.
    seed : int
    versions : dict of str
        Package versions of the run.
    seconds : float
        Wall time of the run.
    """
    notebook.metadata.setdefault("fashion", {}).update(
        profile="full",
        seed=seed,
        versions=versions,
        executed_seconds=round(seconds, 1),
        sources=sources(notebook),
        definitions=definitions(notebook),
        outputs=outputs(notebook),
        compared_cells=len(compared_cells(notebook)),
    )


def code_cells(notebook):
    """Return the code cells of a notebook, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def compared_cells(notebook):
    """Return the code cells whose output the tests compare: those with nbval's marker."""
    return [
        cell
        for cell in code_cells(notebook)
        if any(line.strip() == MARKER for line in cell.source.splitlines())
    ]


def outputs(notebook):
    """Return the SHA-256 of a notebook's stored outputs."""
    return _sha256([cell.outputs for cell in code_cells(notebook)])


def sources(notebook, helpers=None, known=None):
    """Return the SHA-256 of all source text that can change a notebook's outputs.

    That is its code cells as they stand (except the bootstrap cell, which holds the repository's
    address) and the definitions in helpers/ that they reach.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    helpers : pathlib.Path, optional
        The folder of the modules; by default this project's own, as the process found it.
    known : dict of str, optional
        Definitions as a stamp keeps them, to take instead of those of the modules: the result is
        the `sources` of that stamp only if neither its cells nor its definitions were altered.
    """
    found = definitions(notebook, helpers) if known is None else known
    return _sha256([_own_cells(notebook), found])


def definitions(notebook, helpers=None):
    """Return the definitions in the result modules that a notebook's cells reach.

    Found without running anything: from `module.name` and `from helpers.module import name` in the
    cells, on through the names and attributes inside each definition. A string in a cell that is
    the name of a function which a decorator adds to a registry reaches that function.

    Returns
    -------
    dict of str
        From `module.name` to a hash of its syntax tree. Docstrings, comments, formatting and the
        wording of errors are left out, so that changing them forces no new run.
    """
    modules = _modules(helpers)
    tree = ast.parse("\n".join(_python(source) for source in _own_cells(notebook)))
    strings = {node.value for node in ast.walk(tree) if _is_text(node)}
    start = _references(tree, _imports(tree), modules, {})
    for name, module in modules.items():
        start |= {(name, key) for key in module.registered & strings}
    return _hashes(_reached(start, modules))


def of_model(name, recipe, helpers=None):
    """Return the definitions in the result modules that a result of a model went through.

    That is what divides the images, builds, trains and judges, and what the recipe names:
    optimizers, schedules and distortions. A notebook's own cells are not among it, nor is what
    finds the images, whose content is verified, nor the tables that recipes are taken from, as a
    result keeps its recipe itself.

    Parameters
    ----------
    name : str
        Of a registered model or classical baseline, or of an ensemble, whose recipe holds those of
        its members.
    recipe : dict
        As a result keeps it.
    helpers : pathlib.Path, optional
        The folder of the modules; by default this project's own, as the process found it.

    Returns
    -------
    dict of str
        As `definitions`.
    """
    modules = _modules(helpers)
    classical = name in modules["classical"].registered
    start = {*EVERY_BASELINE, ("classical", name)} if classical else set(EVERY_RESULT)
    built = {member.partition("__")[0] for member in recipe.get("members", ())}
    if built:
        start.add(("ensembling", "average"))
    if "left_out" in recipe:
        start.add(("pruning", "train"))
    words = set(re.findall(r"\w+", json.dumps(recipe)))
    for module_name, module in modules.items():
        start |= {(module_name, key) for key in module.registered & (built | {name})}
        if module_name in NAMED_BY_RECIPES:
            classes = {key for key in module.statements if key[0].isupper() and not key.isupper()}
            start |= {(module_name, key) for key in classes & words}
    return _hashes(_reached(start, modules))


def of_loading():
    """Return the definitions, as `definitions` does, that load the images of a full run."""
    start = {("data", "load_profile")}
    return _hashes(_reached(start, _modules(None), WITHOUT_EFFECT | {"data.load_sample"}))


def normalise(notebook):
    """Bring an executed notebook into the form that is stored, in place.

    Lines that overwrote themselves keep their last state, neighbouring pieces of a stream become
    one, and what depends on the front end or the clock goes: timing, widgets, kernel names.
    """
    own = notebook.metadata.get("fashion", {})
    notebook.metadata.clear()
    notebook.metadata.update(kernelspec=dict(KERNEL), language_info=dict(LANGUAGE), fashion=own)
    for cell in notebook.cells:
        for key in set(cell.metadata) - set(CELL_METADATA):
            del cell.metadata[key]
    for cell in code_cells(notebook):
        cell.outputs = _merged(cell.outputs)


def final_text(text):
    """Return what a terminal shows of a text: carriage returns, backspaces and erasures applied."""
    return "\n".join(_final_line(line) for line in text.split("\n"))


def _merged(cell_outputs):
    merged = []
    for output in cell_outputs:
        last = merged[-1] if merged else None
        if output.output_type == "stream" and last and last.get("name") == output.name:
            last.text += output.text
        else:
            merged.append(output)
    for output in merged:
        if output.output_type == "stream":
            output.text = final_text(output.text)
    return [output for output in merged if output.output_type != "stream" or output.text.strip()]


def _final_line(line):
    if not re.search("[\r\b\x1b]", line):
        return line
    shown, position = [], 0
    for piece in re.findall("\x1b\\[[0-9;]*[A-Za-z]|.", line, re.DOTALL):
        if piece == "\r":
            position = 0
        elif piece == "\b":
            position = max(position - 1, 0)
        elif piece.startswith("\x1b"):
            if piece.endswith("K"):
                shown = [] if piece == "\x1b[2K" else shown[:position]
        else:
            shown[len(shown) :] = " " * (position - len(shown))
            shown[position : position + 1] = piece
            position += 1
    return "".join(shown).rstrip()


def _own_cells(notebook):
    return [cell.source for cell in code_cells(notebook) if cell.get("id") != BOOTSTRAP_ID]


def _python(source):
    """Return a cell's Python, without IPython's magics and shell lines."""
    return "\n".join(
        "" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()
    )


def _reached(start, modules, without=WITHOUT_EFFECT):
    """Follow references from (module, name) pairs to all statements that they lead to."""
    lost = [f"{name}.{key}" for name, key in start if key not in modules[name].statements]
    if lost:
        raise settings.UserError(
            f"{', '.join(sorted(lost))}, which stamps begin with, is not in helpers/: change what "
            "helpers/stamp.py looks for."
        )
    waiting, reached = set(start), {}
    while waiting:
        name, key = pair = waiting.pop()
        module = modules[name]
        if pair in reached or f"{name}.{key}" in without or key not in module.statements:
            continue
        reached[pair] = module.statements[key]
        waiting.add((name, ON_IMPORT))
        for statement in reached[pair]:
            waiting |= _references(statement, module.imports, modules, {name: module.statements})
    return reached


def _hashes(reached):
    return {
        f"{name}.{key}": _sha256([_plain(node) for node in statements])[:16]
        for (name, key), statements in sorted(reached.items())
        if name in RESULT_MODULES
    }


class _Module:
    """The top level of one module: its statements by the names they bind, its imports."""

    def __init__(self, text):
        tree = ast.parse(text)
        self.imports = _imports(tree)
        self.statements = {}
        for statement in tree.body:
            for bound in _bound_names(statement):
                self.statements.setdefault(bound, []).append(statement)
        self.registered = {
            bound
            for bound, statements in self.statements.items()
            if any(self._is_registered(statement) for statement in statements)
        }

    def _is_registered(self, statement):
        return isinstance(statement, _DEFINITION) and any(
            isinstance(decorator, ast.Call)
            and isinstance(decorator.func, ast.Name)
            and decorator.func.id in self.statements
            for decorator in statement.decorator_list
        )


def _texts(folder):
    paths = {name: folder / f"{name}.py" for name in RESULT_MODULES + FOLLOWED_MODULES}
    return {
        name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.is_file()
    }


# Read when the process starts: a long training may outlive the code that it began with.
_AT_START = _texts(settings.REPOSITORY / "helpers")


def _modules(folder):
    """Return the modules of a folder, or those that this process began with."""
    texts = _AT_START if folder is None else _texts(Path(folder))
    missing = [name for name in RESULT_MODULES + FOLLOWED_MODULES if name not in texts]
    if missing:
        raise settings.UserError(
            f"helpers/ has no {', '.join(f'{name}.py' for name in missing)}, which stamps follow: "
            "restore it, or change the lists of modules in helpers/stamp.py."
        )
    return {name: _module(text) for name, text in texts.items()}


_module = functools.cache(_Module)


def _bound_names(statement):
    """Return the names that a statement at the top level of a module binds."""
    if isinstance(statement, _DEFINITION):
        return {statement.name}
    if isinstance(statement, _ASSIGNMENT):
        targets = getattr(statement, "targets", None) or [statement.target]
        return {
            node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)
        }
    is_main = isinstance(statement, ast.If) and "__name__" in ast.dump(statement.test)
    ignored = is_main or _is_import(statement) or _is_docstring(statement)
    return set() if ignored else {ON_IMPORT}


def _imports(tree):
    """Return what the imports from helpers bind: (module, None) or (module, name) by local name."""
    bound = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "helpers":
            for alias in node.names:
                bound[alias.asname or alias.name] = (alias.name, None)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers."):
            for alias in node.names:
                bound[alias.asname or alias.name] = (node.module.split(".")[1], alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("helpers."):
                    raise settings.UserError(
                        f"A notebook's stamp cannot follow `import {alias.name}`: write `from "
                        f"helpers import {alias.name.split('.')[1]}`."
                    )
    return bound


def _references(tree, imports, modules, own):
    """Return the (module, name) pairs that a tree mentions; `own` holds its own module's names."""
    found, whole, qualified = set(), set(), set()
    for node in _walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module, name = imports.get(node.value.id, (None, None))
            if module in modules and name is None:
                qualified.add(id(node.value))
                found |= {(module, node.attr)} if node.attr in modules[module].statements else set()
    for node in _walk(tree):
        if isinstance(node, ast.Name):
            module, name = imports.get(node.id, (None, None))
            if module in modules and name in modules[module].statements:
                found.add((module, name))
            elif module in modules and name is None and id(node) not in qualified:
                whole.add(module)
            found |= {(module, node.id) for module in own if node.id in own[module]}
    return found | {(module, name) for module in whole for name in modules[module].statements}


def _walk(node):
    """Yield a node and all below it, except what only serves to raise an error."""
    if not isinstance(node, ast.Raise):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from _walk(child)


def _plain(node):
    """Return a syntax tree as nested lists, the same on every Python version."""
    if isinstance(node, ast.Raise):
        return ["Raise"]
    if isinstance(node, ast.AST):
        fields = ((name, _plain(value)) for name, value in ast.iter_fields(node))
        left_out = ("ctx", "kind", "type_comment")
        kept = [[name, value] for name, value in fields if value != [] and name not in left_out]
        return [type(node).__name__, *kept]
    if isinstance(node, list):
        return [_plain(item) for item in node if not _is_docstring(item)]
    return [] if node is None else repr(node)


def _is_import(node):
    inner = node.body if isinstance(node, ast.With) else [node]
    return all(isinstance(part, (ast.Import, ast.ImportFrom)) for part in inner)


def _is_docstring(node):
    return isinstance(node, ast.Expr) and _is_text(node.value)


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _sha256(value):
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
