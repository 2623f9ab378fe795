"""Say which code a result or a notebook goes through: a hash of each definition that it reaches.

Found by reading, without running anything. What changes no number is left out of a hash: comments,
docstrings, formatting, the wording of errors, and the folder that a module lies in.
"""

import ast
import functools
import hashlib
import json
import re
import subprocess
from pathlib import Path

from helpers import settings

# The modules whose definitions can change a result, by the folder of helpers/ that they lie in.
RESULT_MODULES = {
    "": "data pipeline layers models optimizers training evaluation significance",
    "topics": "auditing budgets calibration classical comparison corruptions deployment ensembling "
    "explaining infobatch loading oriented_gradients photo pictures shipped transfer "
    "tuning",
}
# Bookkeeping cannot, but calls what can; settings do not even do that. How answers are rounded when
# they are stored is watched by a test of the published results.
FOLLOWED_MODULES = {"": "cost results tables runs"}
PLOTTING = "plotting"
# Definitions in the result modules that change no published result: they are about other data sets
# or about places on the disk, or show progress or text.
WITHOUT_EFFECT = {
    "tables.show_beside_published",
    "cost.machine",
    "transfer.KERAS_MODELS",
    "data.OTHER_CLASS_NAMES",
    "models.source",
    "training.ProgressLine",
    "tuning._folder",
}
# Notebooks that had another name when the first results were stored, which is the one to hash: what
# a model computes does not depend on its chapter.
FIRST_NAMES = {
    "13_accuracy_per_minute": "12_fast_resnet",
    "14_ensembling": "13_ensembling",
    "15_inside_the_network": "14_inside_the_network",
    "16_trust": "15_trust",
    "17_deployment": "16_deployment",
    "19_final_comparison": "17_final_comparison",
}
# What every result of a network goes through, and the modules whose classes its recipe names.
EVERY_RESULT = "data.split models.build training.train evaluation.predict evaluation.metrics"
EVERY_BASELINE = "data.split classical.fit classical.Fit evaluation.metrics"
NAMED_BY_RECIPES = ("optimizers", "pipeline")
ON_IMPORT = "(on import)"  # stands for what a module does when it is imported
BOOTSTRAP_ID = "bootstrap"
CHANGED = "+"  # behind a commit: tracked files had been changed since
SECONDS = 20

_FOLDER = settings.REPOSITORY / "helpers"
_DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ASSIGNMENT = (ast.Assign, ast.AnnAssign, ast.AugAssign)


def of_model(name, recipe, helpers=None):
    """Return the definitions in the result modules that a result went through, hashed.

    From `module.name` to a hash of its syntax tree: of what divides the images, builds, trains and
    judges, and what the recipe names, optimizers, schedules and distortions. A notebook's own cells
    are not among it, nor is what finds the images, whose content is verified, nor the tables that
    recipes are taken from, as a result keeps its recipe itself.

    `name` is that of a registered model or classical baseline, or of an ensemble, whose recipe
    holds those of its members; `helpers` the folder of the modules, by default this project's own
    as `remember` found it. Raises UserError if a module or a definition that every result goes
    through is missing.
    """
    code = _code(helpers)
    modules = code.modules
    classical = name in modules["classical"].registered
    words = f"{EVERY_BASELINE} classical.{name}" if classical else EVERY_RESULT
    start = {tuple(word.split(".")) for word in words.split()}
    built = {member.partition("__")[0] for member in recipe.get("members", ())}
    if built:
        start.add(("ensembling", "average"))
    if "left_out" in recipe:
        start.add(("infobatch", "train"))
    words = set(re.findall(r"\w+", json.dumps(recipe)))
    for module_name in code.results:
        module = modules[module_name]
        start |= {(module_name, key) for key in module.registered & (built | {name})}
        if module_name in NAMED_BY_RECIPES:
            classes = {key for key in module.statements if key[0].isupper() and not key.isupper()}
            start |= {(module_name, key) for key in classes & words}
    return code.hashes(code.reached(start))


def of_loading():
    """Return the definitions, as `of_model` does, that load the images of a full run."""
    code = _code(None)
    start = {("data", "load_profile")}
    return code.hashes(code.reached(start, WITHOUT_EFFECT | {"data.load_sample"}))


def of_notebook(notebook, helpers=None):
    """Return the definitions, as `of_model` does, that a notebook's cells reach.

    A string in a cell that is the name of a function which a decorator adds to a registry reaches
    that function. Raises UserError if a cell imports a module that helpers/ does not have.
    """
    code = _code(helpers)
    tree = _tree(notebook)
    strings = {node.value for node in ast.walk(tree) if _is_text(node)}
    start = code.references(tree, code.imports(tree), {})
    for name in code.results:
        start |= {(name, key) for key in code.modules[name].registered & strings}
    return code.hashes(code.reached(start))


def of_figures(notebook, helpers=None):
    """Return a hash of all that each plotting function in a notebook's cells reaches.

    A changed figure makes a notebook's pictures stale, and none of its numbers.
    """
    code = _code(helpers)
    tree = _tree(notebook)
    found = code.references(tree, code.imports(tree), {})
    drawn = sorted((name, key) for name, key in found if name.startswith(PLOTTING))
    figures = {key: code.plain(code.reached({(name, key)}), code.figures) for name, key in drawn}
    return {key: sha256([plain, code.style])[:16] for key, plain in figures.items()}


def own_cells(notebook):
    """Return the source of a notebook's code cells but that of the common first one."""
    cells = (cell for cell in notebook.cells if cell.cell_type == "code")
    return [cell.source for cell in cells if cell.get("id") != BOOTSTRAP_ID]


def trees_of_cells(notebook):
    """Return the syntax tree of each of a notebook's own cells, as nested lists, and its magics."""
    return [
        [_plain(ast.parse(_python(source))), [each for each in source.splitlines() if _magic(each)]]
        for source in own_cells(notebook)
    ]


def remember():
    """Read code and commit now: a long training may outlive the checkout that it began with."""
    _code(None)
    commit_at_start()


@functools.cache
def commit_at_start():
    """Return the commit of this project's checkout when it was first asked for, see `commit`."""
    return commit()


def commit(repository=None):
    """Return the git commit of a checkout, with "+" where tracked files were changed.

    Stored results do not count as changed, since every run writes some. None where there is no git,
    or the folder is not the top of a checkout.
    """
    repository = (repository or settings.REPOSITORY).resolve()
    top = _git(repository, "rev-parse", "--show-toplevel")
    found = _git(repository, "rev-parse", "HEAD")
    if not found or not top or not repository.samefile(top):
        return None
    results = settings.PUBLISHED_RESULTS.relative_to(settings.REPOSITORY).as_posix()
    pathspec = ("--", ".", f":(exclude){results}")
    changes = _git(repository, "status", "--porcelain", "--untracked-files=no", *pathspec)
    # Where git cannot say, it is not known to be unchanged.
    return found + (CHANGED if changes != "" else "")


def texts():
    """Return the source of the result modules by name, as they are now."""
    return {name: _read(_FOLDER, path) for name, path in _paths(RESULT_MODULES).items()}


def sha256(value):
    """Return the SHA-256 of a value as JSON writes it."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _git(folder, *arguments):
    """Return what git says, or None where it is missing or refuses."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _paths(modules):
    """Return the file of each module, relative to helpers/, by its name."""
    return {
        name: f"{folder}/{name}.py".lstrip("/")
        for folder, names in modules.items()
        for name in names.split()
    }


def _read(folder, path):
    try:
        return (folder / path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise settings.UserError(
            f"helpers/ has no {path}, which stamps follow: restore it, or change the lists of "
            "modules in helpers/definitions.py."
        ) from error


def _code(folder):
    return _at_start() if folder is None else _Code(Path(folder))


@functools.cache
def _at_start():
    return _Code(_FOLDER)


class _Module:
    """The top level of one module: its statements by the names they bind."""

    def __init__(self, text):
        self.tree = ast.parse(text)
        self.statements = {}
        for statement in self.tree.body:
            for bound in _bound_names(statement):
                self.statements.setdefault(bound, []).append(statement)
        self.registered = {
            bound
            for bound, statements in self.statements.items()
            if any(self._is_registered(statement) for statement in statements)
        }
        self.unregistered = self.statements.keys() - self.registered

    def _is_registered(self, statement):
        return isinstance(statement, _DEFINITION) and any(
            isinstance(decorator, ast.Call)
            and isinstance(decorator.func, ast.Name)
            and decorator.func.id in self.statements
            for decorator in statement.decorator_list
        )


class _Code:
    """The modules of a folder by name, and the references between them."""

    def __init__(self, folder):
        files = (path.relative_to(folder) for path in folder.rglob("*.py"))
        self.dotted = {".".join(path.with_suffix("").parts): None for path in files}
        self.results = _paths(RESULT_MODULES)
        followed = self.results | _paths(FOLLOWED_MODULES)
        self.dotted |= {path[:-3].replace("/", "."): name for name, path in followed.items()}
        self.figures = {name for name in self.dotted if name.split(".")[0] == PLOTTING}
        self.dotted |= {name.removesuffix(".__init__"): name for name in self.figures}
        followed |= {name: name.replace(".", "/") + ".py" for name in self.figures}
        self.style = sorted(path.read_text() for path in folder.glob(f"{PLOTTING}/*.mplstyle"))
        self.modules = {name: _module(_read(folder, path)) for name, path in followed.items()}
        self.imported = {name: self.imports(module.tree) for name, module in self.modules.items()}

    def imports(self, tree):
        """Return what imports from helpers bind: (module, None) or (module, name) by local name."""
        bound = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                if any(alias.name.startswith("helpers.") for alias in node.names):
                    raise settings.UserError(
                        f"A stamp cannot follow `{ast.unparse(node)}`: write `from helpers import`."
                    )
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers"):
                for alias in node.names:
                    target = self._target(node.module.split(".")[1:], alias.name)
                    bound[alias.asname or alias.name] = target
        return {local: target for local, target in bound.items() if target[0]}

    def _target(self, parts, name):
        whole, module = ".".join([*parts, name]), ".".join(parts)
        if whole in self.dotted:
            return self.dotted[whole], None
        if module in self.dotted:
            return self.dotted[module], name
        if not parts and name in self.results:
            return name, None  # as it was imported when all modules lay in one folder
        raise settings.UserError(
            f"helpers/ has no {whole.replace('.', '/')}.py, which is imported: correct the import."
        )

    def statement(self, module, name):
        """Return the pair that a name of a module stands for, through re-exports, in a set."""
        while module in self.modules and name not in self.modules[module].statements:
            module, name = self.imported[module].get(name, (None, None))
        return {(module, name)} if module in self.modules else set()

    def references(self, tree, imports, own):
        """Return the pairs that a tree mentions; `own` holds its own module's names."""
        found, whole, qualified = set(), set(), set()
        for node in _walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module, name = imports.get(node.value.id, (None, None))
                if module in self.modules and name is None:
                    qualified.add(id(node.value))
                    found |= self.statement(module, node.attr)
        for node in _walk(tree):
            if isinstance(node, ast.Name):
                module, name = imports.get(node.id, (None, None))
                if module in self.modules and name is not None:
                    found |= self.statement(module, name)
                elif module in self.modules and id(node) not in qualified:
                    whole.add(module)
                found |= {(module, node.id) for module in own if node.id in own[module]}
        for module in whole:
            # What is registered is reached by its name alone, so that a new model changes nothing.
            found |= {(module, key) for key in self.modules[module].unregistered}
        return found

    def reached(self, start, without=WITHOUT_EFFECT):
        """Follow references from pairs to all statements that they lead to."""
        lost = [f"{name}.{key}" for name, key in start if key not in self.modules[name].statements]
        if lost:
            raise settings.UserError(
                f"{', '.join(sorted(lost))}, which stamps begin with, is not in helpers/: change "
                "what helpers/definitions.py looks for."
            )
        waiting, reached = set(start), {}
        while waiting:
            name, key = pair = waiting.pop()
            module = self.modules[name]
            if pair in reached or f"{name}.{key}" in without or key not in module.statements:
                continue
            reached[pair] = module.statements[key]
            waiting.add((name, ON_IMPORT))
            own = {name: module.statements}
            for statement in reached[pair]:
                waiting |= self.references(statement, self.imported[name], own)
        return reached

    def plain(self, reached, modules):
        """Return the syntax trees of those reached statements that lie in some modules."""
        return {
            f"{name}.{key}": [_plain(node) for node in statements]
            for (name, key), statements in sorted(reached.items())
            if name in modules
        }

    def hashes(self, reached):
        """Return a hash for each reached definition of the result modules."""
        plain = self.plain(reached, self.results)
        return {name: sha256(tree)[:16] for name, tree in plain.items()}


_module = functools.cache(_Module)


def _tree(notebook):
    """Return the syntax tree of a notebook's own cells, one behind the other."""
    return ast.parse("\n".join(_python(source) for source in own_cells(notebook)))


def _python(source):
    """Return a cell's Python, without IPython's magics and shell lines."""
    return "\n".join("" if _magic(line) else line for line in source.splitlines())


def _magic(line):
    return line.lstrip().startswith(("%", "!"))


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
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers."):
        node = _without_folder(node)
    if isinstance(node, ast.AST):
        fields = ((name, _plain(value)) for name, value in ast.iter_fields(node))
        left_out = ("ctx", "kind", "type_comment")
        kept = [[name, value] for name, value in fields if value != [] and name not in left_out]
        return [type(node).__name__, *kept]
    if isinstance(node, list):
        return [_plain(item) for item in node if not _is_docstring(item)]
    return [] if node is None else repr(FIRST_NAMES.get(node, node))


def _without_folder(node):
    parts = [part for part in node.module.split(".") if part not in RESULT_MODULES]
    return ast.ImportFrom(".".join(parts), node.names, node.level)


def _is_import(node):
    inner = node.body if isinstance(node, ast.With) else [node]
    return all(isinstance(part, (ast.Import, ast.ImportFrom)) for part in inner)


def _is_docstring(node):
    return isinstance(node, ast.Expr) and _is_text(node.value)


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
