"""Run the notebooks without opening them, publish their outputs, keep their common parts equal.

`python -m helpers.series run` executes copies and leaves an index page in outputs/; `publish`
stores the outputs of a full run in the notebooks; `address` writes the repository's public address.
"""

import argparse
import asyncio
import copy
import dataclasses
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
from ipykernel import kernelspec
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from helpers import cost, data, files, runs, settings, stamp

BRANCH = "main"
PLACEHOLDER = "YOUR_NAME"
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
COLAB = "https://colab.research.google.com/github"
BOOTSTRAP = """\
# Finds this project's helpers/; where only the notebook is, as on Colab, fetches them first.
import subprocess
import sys
from pathlib import Path

ADDRESS = "<address>"
places = [Path.cwd(), *Path.cwd().parents, Path.cwd() / "<folder>"]
root = next((place for place in places if (place / "helpers" / "series.py").exists()), places[-1])
if not root.exists():
    failed, reply = subprocess.getstatusoutput(f"git clone -q --depth=1 {ADDRESS}.git")
    if failed:
        hint = "<hint>"
        raise RuntimeError(f"{reply}\\nhelpers/ could not be fetched: {hint}.")
sys.path.insert(0, str(root))
from helpers import packages

packages.install_missing()
"""
HINT = "check the network, or open this notebook in a copy of the whole repository"
HINT_PLACEHOLDER = "open this notebook in a copy of the whole repository"
SECONDS_BETWEEN_UPDATES = 0.5
SECONDS_BETWEEN_LINES = 60
SECONDS_TO_STOP = 120
INTERRUPTED = 130
# Holds for each notebook what its text claims: assertions that run when it is published.
CLAIMS = settings.REPOSITORY / "tests" / "claims"


def names():
    """Return the stems of all notebooks in the order of the series."""
    return sorted(path.stem for path in settings.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def choose(only):
    """Return the stems that `only` means: numbers (`05`, `5`) or whole stems; all when empty.

    Raises
    ------
    UserError
        If there is no such notebook.
    """
    chosen = set()
    for word in only or ():
        wanted = word.removesuffix(".ipynb")
        found = {name for name in names() if wanted in (name, name[:2], name[:2].lstrip("0"))}
        if not found:
            raise settings.UserError(
                f"There is no notebook {word!r}: choose among {', '.join(names())}."
            )
        chosen |= found
    return [name for name in names() if name in chosen or not only]


def read(name):
    """Return a notebook of the series as an `nbformat.NotebookNode`."""
    return nbformat.read(settings.NOTEBOOKS / f"{name}.ipynb", as_version=4)


def run(profile="quick", only=None, seed=0, fresh=False):
    """Execute copies of the notebooks, each in a kernel of its own, and write an index page.

    Copies, HTML pages and results go to `settings.OUTPUTS / profile`. A notebook that passed before
    is not run again as long as neither it, helpers/, the profile nor the seed have changed. Where
    the real data cannot be had the smoke profile runs in place of the others, and a line says so.

    Parameters
    ----------
    profile : {'smoke', 'quick', 'full'}
    only : sequence of str, optional
        Numbers or stems of the notebooks to run; all by default.
    seed : int
    fresh : bool
        Run also what has passed before.

    Returns
    -------
    int
        Exit status: 0 if all passed, 1 if one failed, 130 if the reader interrupted.

    Raises
    ------
    UserError
        If there is no such notebook, or `FASHION_MNIST_DIR` names a folder without the data.
    """
    chosen = choose(only)
    profile = _available(profile)
    folder = settings.OUTPUTS / profile
    record = _Record(folder)
    sources = {name: _sources(name, profile, seed) for name in chosen}

    def finished(name):
        return record.is_current(name, _key(name, profile, sources[name]))

    waiting = []
    for name in chosen:
        if fresh or not finished(name) or (waiting and _reads_results(read(name))):
            waiting.append(name)
    print(f"Profile {profile}, seed {seed}; executed copies go to {_shown(folder)}.")
    _report_kept([name for name in chosen if name not in waiting])

    def keep(name, notebook, outcome):
        _write_copy(folder / "executed", name, notebook, profile, seed)
        record.add(name, _key(name, profile, sources[name]), outcome)
        _write_index(folder, profile, record)

    environment = _environment(profile, seed)
    expected = {name: record.seconds(name) or _author_seconds(name, profile) for name in waiting}
    try:
        failed = _execute_all(waiting, environment, expected, keep)
    except KeyboardInterrupt:
        done = sum(map(finished, chosen))
        print(
            f"\nInterrupted: {done} of {len(chosen)} notebooks are finished and kept; the same "
            "command goes on with the others."
        )
        return INTERRUPTED
    _write_index(folder, profile, record)
    _report_results(folder / "results")
    print(f"{len(chosen) - len(failed)} of {len(chosen)} notebooks passed.")
    print(f"Open {_shown(folder / 'index.html')} to see them.")
    return 1 if failed else 0


def publish(only=None, seed=0):
    """Run notebooks on all data and store their outputs in them, normalised and stamped.

    For maintainers. Results go to notebooks/results. A notebook is saved only after it passed, and
    after what its text claims (`CLAIMS`) has been found in this run. With another seed than 0 only
    the results are kept: the stored outputs stay those of seed 0, and so do the claims.

    Parameters
    ----------
    only : sequence of str, optional
    seed : int

    Returns
    -------
    int
        Exit status, as `run`.

    Raises
    ------
    UserError
        If there is no such notebook, or no real data.
    """
    chosen = choose(only)
    data.load()

    def keep(name, notebook, outcome):
        if outcome.failure:
            failed_copy = settings.OUTPUTS / "failed" / f"{name}.ipynb"
            _replace(failed_copy, nbformat.writes(notebook) + "\n")
            print(f"What it did until then is kept in {_shown(failed_copy)}.")
        if outcome.failure or seed != 0:
            return
        stamp.normalise(notebook)
        stamp.stamp(notebook, seed, _versions(), outcome.seconds)
        _replace(settings.NOTEBOOKS / f"{name}.ipynb", nbformat.writes(notebook) + "\n")

    environment = _environment("full", seed) | {"FASHION_PUBLISH": "1"}
    expected = {name: _author_seconds(name, "full") for name in chosen}
    try:
        failed = _execute_all(chosen, environment, expected, keep, claims if seed == 0 else None)
    except KeyboardInterrupt:
        print("\nInterrupted: the notebooks that passed are saved; publish the others with ONLY=.")
        return INTERRUPTED
    readers = [name for name in names() if _reads_results(read(name)) and name not in chosen]
    if readers:
        print(f"Results have changed; publish also what shows them: {', '.join(readers)}.")
    return 1 if failed else 0


def claims(name):
    """Return the assertions that a notebook's text has to meet, as the source of a last cell."""
    path = CLAIMS / f"{name}.py"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def address(new=None):
    """Write the repository's public address, the badges and the common cells everywhere.

    Parameters
    ----------
    new : str, optional
        `owner/name` or the whole https address; the one in the settings by default.

    Returns
    -------
    list of str
        The files that changed.

    Raises
    ------
    UserError
        If `new` is no address of a repository on GitHub.
    """
    old = _address()
    if new is not None:
        new = _checked_address(new)
        _substitute(Path(settings.__file__), old, new)
    new = new or old
    before, after = (text.removeprefix("https://github.com/") for text in (old, new))
    readme = settings.REPOSITORY / "README.md"
    changed = [readme.name] if readme.exists() and _substitute(readme, before, after) else []
    for name in names():
        path = settings.NOTEBOOKS / f"{name}.ipynb"
        notebook = read(name)
        original = copy.deepcopy(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = cell.source.replace(before, after)
        write_common_parts(notebook, name, new)
        if notebook != original:
            _replace(path, nbformat.writes(notebook) + "\n")
            changed.append(path.name)
    return changed


def bootstrap(repository=None):
    """Return the source of the cell that finds helpers/, the same in every notebook."""
    repository = repository or _address()
    hint = HINT_PLACEHOLDER if PLACEHOLDER in repository else HINT
    folder = repository.rpartition("/")[2]
    words = {"<address>": repository, "<folder>": folder, "<hint>": hint}
    return re.sub("<\\w+>", lambda found: words[found[0]], BOOTSTRAP).rstrip()


def header(name, repository=None):
    """Return the two lines under a notebook's title: badge and page, previous, contents, next."""
    repository = repository or _address()
    page = f"blob/{BRANCH}/notebooks/{name}.ipynb"
    colab = f"{COLAB}/{repository.removeprefix('https://github.com/')}/{page}"
    links = [f"[![Open in Colab]({BADGE})]({colab})", f"[view on GitHub]({repository}/{page})"]
    order = names()
    place = order.index(name)
    steps = ["[contents](../README.md)"]
    if place > 0:
        steps.insert(0, f"[← {title(order[place - 1])}]({order[place - 1]}.ipynb)")
    if place + 1 < len(order):
        steps.append(f"[{title(order[place + 1])} →]({order[place + 1]}.ipynb)")
    return " · ".join(links), " · ".join(steps)


def title(name):
    """Return a notebook's title: its number and its first heading."""
    heading = re.search(r"^# (.+)$", read(name).cells[0].source, re.MULTILINE)
    words = re.sub(r"^\d+\W*", "", heading[1]) if heading else name[3:].replace("_", " ")
    return f"{name[:2]} {words}"


def write_common_parts(notebook, name, repository=None):
    """Write the header lines and the bootstrap cell into a notebook, in place.

    The header goes under the title of the first cell, in place of an older one; the bootstrap cell
    replaces the older one or becomes the first code cell.
    """
    first = notebook.cells[0]
    lines = [
        line
        for line in first.source.splitlines()
        if not line.startswith("[![Open in Colab]") and "[contents](../README.md)" not in line
    ]
    badges, steps = header(name, repository)
    body = "\n".join(lines[1:]).strip("\n")
    first.source = "\n\n".join(part for part in (lines[0], badges, steps, body) if part)
    cells = stamp.code_cells(notebook)
    found = [cell for cell in cells if cell.get("id") == stamp.BOOTSTRAP_ID]
    if not found:
        comment = BOOTSTRAP.splitlines()[0]
        found = [cell for cell in cells if cell.source.startswith(comment)]
    if not found:
        found = [nbformat.v4.new_code_cell()]
        place = notebook.cells.index(cells[0]) if cells else len(notebook.cells)
        notebook.cells.insert(place, found[0])
    found[0].update(source=bootstrap(repository), id=stamp.BOOTSTRAP_ID)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How the execution of a notebook ended: its wall time, and where and why it failed."""

    seconds: float
    failure: str | None = None


class _Client(NotebookClient):
    """Executes a notebook and knows which cell runs and what it printed last."""

    cell_number = 0
    last_line = ""

    async def async_execute_cell(self, cell, cell_index, **options):
        if cell.cell_type == "code":
            self.cell_number += 1
            self.last_line = ""
        return await super().async_execute_cell(cell, cell_index, **options)

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] == "stream":
            lines = re.split("[\r\n]+", msg["content"]["text"].strip())
            self.last_line = lines[-1] or self.last_line
        return super().process_message(msg, cell, cell_index)


class _ThisPython(KernelSpecManager):
    """Starts kernels with the interpreter that runs this, whatever is installed for the user."""

    def get_kernel_spec(self, kernel_name):
        return KernelSpec(resource_dir=kernelspec.RESOURCES, **kernelspec.get_kernel_dict())


class _Execution(threading.Thread):
    """One notebook in one kernel, in a thread, so that the main thread can watch and stop it."""

    def __init__(self, notebook, environment):
        super().__init__(daemon=True)
        # Not `is_alive` and `join`: a Ctrl-C during a join makes Python 3.11 take the thread for
        # ended, and leaving while it tidies up crashes or hangs.
        self.ended = threading.Event()
        self.error = None
        self.environment = environment
        self.cells = len(stamp.code_cells(notebook))
        self.client = _Client(
            notebook,
            km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=_ThisPython()),
            timeout=None,
            record_timing=False,
            resources={"metadata": {"path": str(settings.NOTEBOOKS)}},
        )

    def run(self):
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                self.loop = runner.get_loop()
                runner.run(self._execute())
        except (Exception, asyncio.CancelledError) as error:
            self.error = error
        finally:
            self.ended.set()

    async def _execute(self):
        self.task = asyncio.current_task()
        await self.client.async_execute(
            cleanup_kc=True, env=self.environment, stderr=subprocess.DEVNULL
        )

    def stop(self):
        """End the kernel at once and wait until it is gone."""
        self.client.shutdown_kernel = "immediate"
        self.loop.call_soon_threadsafe(self.task.cancel)
        self.ended.wait(SECONDS_TO_STOP)

    def failure(self):
        """Say in which cell and why the notebook failed; None if it did not."""
        if self.error is None:
            return None
        where = f"cell {self.client.cell_number} of {self.cells}"
        if isinstance(self.error, CellExecutionError):
            lines = [line for line in self.error.evalue.splitlines() if line.strip()]
            return f"{where}: {self.error.ename}: {lines[-1].strip() if lines else ''}"
        if isinstance(self.error, DeadKernelError):
            return f"{where}: the kernel died, perhaps for lack of memory"
        return f"{where}: {type(self.error).__name__}: {self.error}"


class _Progress:
    """Says which notebook of how many is running, the time elapsed and the time to expect.

    Parameters
    ----------
    order : list of str
        The notebooks to run.
    expected : dict
        Seconds by notebook, None where nothing is known; compared with what the finished ones
        really took, which corrects for the speed of this machine.
    """

    def __init__(self, order, expected):
        self.order, self.expected, self.taken = order, expected, {}
        self.start = self.shown = time.monotonic()
        self.live = sys.stdout.isatty()

    def begin(self, name):
        self.name, self.began = name, time.monotonic()
        self.shown = self.began
        if not self.live:
            self._say(f"running, {self._times(0.0)}")

    def update(self, execution):
        now = time.monotonic()
        if not self.live and now - self.shown < SECONDS_BETWEEN_LINES:
            return
        self.shown = now
        number = execution.client.cell_number
        where = f"cell {number} of {execution.cells}" if number else "starting"
        line = f"{where}, {self._times(now - self.began)}"
        if self.live:
            self._overwrite(f"{self._place()}: {line} | {execution.client.last_line}")
        else:
            self._say(line)

    def end(self, outcome):
        self.taken[self.name] = outcome.seconds
        if self.live:
            self._overwrite("")
        took = runs.duration(outcome.seconds)
        if outcome.failure:
            self._say(f"FAILED after {took} in {outcome.failure}")
        else:
            self._say(f"passed in {took}, {self._times(0.0)}")

    def remaining(self, seconds):
        """Return the seconds that are left when the running notebook has taken `seconds`."""
        known = [name for name in self.taken if self.expected[name]]
        factor = 1.0
        if known:
            factor = sum(map(self.taken.get, known)) / sum(map(self.expected.get, known))
        typical = sum(self.taken.values()) / len(self.taken) if self.taken else None
        left = 0.0
        for name in self.order:
            if name not in self.taken:
                total = self.expected[name] * factor if self.expected[name] else typical
                if total is None:
                    return None
                left += max(total - seconds, 0.0) if name == self.name else total
        return left

    def _times(self, seconds):
        elapsed = runs.duration(time.monotonic() - self.start)
        left = self.remaining(seconds)
        expected = f", about {runs.duration(left)} left" if left else ""
        return f"{elapsed} elapsed{expected}"

    def _place(self):
        return f"[{self.order.index(self.name) + 1}/{len(self.order)}] {self.name}"

    def _say(self, text):
        print(f"{self._place()}: {text}", flush=True)

    def _overwrite(self, text):
        width = shutil.get_terminal_size().columns - 1
        sys.stdout.write("\r" + text[:width].ljust(width) + ("" if text else "\r"))
        sys.stdout.flush()


class _Record:
    """What has run with one profile: when, how long, with which outcome, and from which sources."""

    def __init__(self, folder):
        self.path = folder / "record.json"
        try:
            self.entries = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.entries = {}

    def is_current(self, name, key):
        entry = self.entries.get(name, {})
        copies = [self.path.parent / "executed" / f"{name}.{kind}" for kind in ("ipynb", "html")]
        return (
            entry.get("key") == key
            and not entry["failure"]
            and all(path.exists() for path in copies)
        )

    def seconds(self, name):
        entry = self.entries.get(name, {})
        return None if entry.get("failure") else entry.get("seconds")

    def add(self, name, key, outcome):
        self.entries[name] = {
            "key": key,
            "seconds": round(outcome.seconds, 1),
            "failure": outcome.failure,
            "finished": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        _replace(self.path, json.dumps(self.entries, indent=1))


def _execute_all(chosen, environment, expected, keep, last_cell=None):
    """Execute notebooks one after the other; return the names of those that failed.

    `last_cell` gives each a last cell by its name, which is not kept.
    """
    progress = _Progress(chosen, expected)
    failed = []
    for name in chosen:
        notebook = read(name)
        if last_cell:
            notebook.cells.append(nbformat.v4.new_code_cell(last_cell(name)))
        progress.begin(name)
        outcome = _execute(notebook, environment, progress)
        if last_cell:
            notebook.cells.pop()
        progress.end(outcome)
        keep(name, notebook, outcome)
        failed += [name] if outcome.failure else []
    if chosen:
        print(f"Took {runs.duration(time.monotonic() - progress.start)} in all.")
    return failed


def _execute(notebook, environment, progress):
    execution = _Execution(notebook, environment)
    start = time.monotonic()
    execution.start()
    try:
        while not execution.ended.wait(SECONDS_BETWEEN_UPDATES):
            progress.update(execution)
    except KeyboardInterrupt:
        execution.stop()
        raise
    return Outcome(time.monotonic() - start, execution.failure())


def _available(profile):
    """Return the profile, or `smoke` where it needs real data that cannot be had."""
    if profile == "smoke":
        return profile
    try:
        data.load()
    except data.DataError as error:
        if settings.data_folder() is not None:
            raise
        if not (_refreshed_packages() and _loads()):
            print(
                "THE REAL DATA CANNOT BE HAD, SO THE SMOKE PROFILE RUNS INSTEAD OF "
                f"{profile.upper()}: ITS NUMBERS COME FROM A SMALL SAMPLE AND MEAN NOTHING.\n"
                f"{error}\n"
            )
            return "smoke"
    return profile


def _refreshed_packages():
    """Refresh apt's lists, which fetching the data set's package needs, where that is allowed."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return False
    try:
        done = subprocess.run(["apt-get", "update", "-qq"], capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _loads():
    try:
        data.load()
    except data.DataError:
        return False
    return True


def _environment(profile, seed):
    """Return the environment of a kernel, which works in the notebooks' folder: paths are whole."""
    environment = dict(os.environ, FASHION_PROFILE=profile, FASHION_SEED=str(seed))
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    for name in ("FASHION_RESULTS_DIR", "FASHION_PUBLISH"):
        environment.pop(name, None)
    for name in settings.DATA_SETS:
        if settings.data_folder(name) is not None:
            environment[settings.folder_variable(name)] = str(settings.data_folder(name).resolve())
    return environment


def _sources(name, profile, seed):
    """Return a hash of a notebook's text, of helpers/, and of the conditions of a run."""
    digest = hashlib.sha256(repr((profile, seed, settings.precision(), _versions())).encode())
    for cell in read(name).cells:
        digest.update(repr((cell.cell_type, cell.source)).encode())
    for path in sorted((settings.REPOSITORY / "helpers").rglob("*.*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _key(name, profile, sources):
    """Return what decides whether a finished notebook must run again: sources, results it reads.

    Of the run's own results those of the notebooks before it count: what it writes itself, or what
    later ones write, would make it stale each time the series has run.
    """
    digest = hashlib.sha256(sources.encode())
    if _reads_results(read(name)):
        own = (settings.OUTPUTS / profile / "results").glob("*/*.json")
        before = [path for path in own if _writer(path) < name]
        for path in sorted([*settings.PUBLISHED_RESULTS.glob("*/*.json"), *before]):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _writer(path):
    """Return the notebook that a stored result belongs to; of a damaged file, a first one."""
    try:
        return json.loads(path.read_bytes())["notebook"]
    except (ValueError, KeyError, TypeError):
        return ""


def _reads_results(notebook):
    text = "\n".join(cell.source for cell in stamp.code_cells(notebook))
    return bool(re.search(r"\bruns\.(load|load_all|table)\b", text))


def _author_seconds(name, profile):
    minutes = read(name).metadata.get("fashion", {}).get("minutes", {}).get(profile)
    return minutes * 60 if minutes else None


def _versions():
    return {"python": ".".join(map(str, sys.version_info[:3])), **cost.versions()}


def _report_kept(kept):
    if kept:
        print(
            f"Finished before and unchanged, so not run again: {', '.join(kept)} "
            "(FRESH=1 or --fresh runs them)."
        )


def _report_results(folder):
    """Print the table of results, or why there is none: one bad file must not end a series."""
    try:
        results = runs.table(folder)
    except settings.UserError as error:
        print(f"\n{error}\n")
        return
    if not results.empty:
        print(f"\n{runs.terminal_table(results)}\n")


def _write_copy(folder, name, notebook, profile, seed):
    stamp.normalise(notebook)
    notebook.metadata.fashion = {"profile": profile, "seed": seed}
    _replace(folder / f"{name}.ipynb", nbformat.writes(notebook) + "\n")
    _replace(folder / f"{name}.html", _html(notebook, name))


def _html(notebook, name):
    """Return a notebook as a page: alternative texts kept, links to other pages of the copies."""
    from nbconvert import HTMLExporter

    page = copy.deepcopy(notebook)
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\((\d\d_\w+)\.ipynb\)", r"](\1.html)", cell.source)
            cell.source = cell.source.replace("](../README.md)", "](../index.html)")
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output.data["text/html"] = _image(output)
    exporter = HTMLExporter(require_js_url="", jquery_url="")
    return exporter.from_notebook_node(page, {"metadata": {"name": name}})[0]


def _image(output):
    known = output.metadata.get("image/png", {})
    width = f' width="{known["width"]}"' if "width" in known else ""
    content = "".join(output.data["image/png"].split())
    alternative = html.escape(known.get("alt", ""), quote=True)
    return f'<img src="data:image/png;base64,{content}" alt="{alternative}"{width}>'


PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fashion-MNIST, model by model: {profile}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; }}
table {{ border-collapse: collapse; margin: 1rem 0 2rem; font-variant-numeric: tabular-nums; }}
div {{ overflow-x: auto; }}
th, td {{ padding: .35rem .8rem; border-bottom: 1px solid #ddd; text-align: left; }}
th {{ border-bottom: 2px solid #888; }}
td.number {{ text-align: right; white-space: nowrap; }}
.failed {{ color: #a11; font-weight: 600; }}
a {{ color: #0b4f8a; }}
</style>
<h1>Fashion-MNIST, model by model</h1>
<p>Profile {profile}, executed copies. {note}</p>
<h2>Notebooks</h2>
<div><table>
<tr><th>Notebook</th><th>Question</th><th>Status</th><th>Time</th><th>Finished</th></tr>
{notebooks}
</table></div>
<h2>Results of this run</h2>
{results}
</html>
"""
NOTES = {
    "smoke": "Its numbers come from a small sample and mean nothing.",
    "quick": "Its numbers come from a part of the images and epochs.",
    "full": "All images, all epochs.",
}


def _write_index(folder, profile, record):
    rows = [_index_row(name, record.entries[name]) for name in names() if name in record.entries]
    page = PAGE.format(
        profile=profile,
        note=NOTES[profile],
        notebooks="\n".join(rows),
        results=_results_html(folder / "results"),
    )
    _replace(folder / "index.html", page)


def _index_row(name, entry):
    question = read(name).metadata.get("fashion", {}).get("question", "")
    status = "passed"
    if entry["failure"]:
        status = f'<span class="failed">failed</span> in {html.escape(entry["failure"])}'
    return (
        f'<tr><td><a href="executed/{name}.html">{html.escape(title(name))}</a></td>'
        f"<td>{html.escape(question)}</td><td>{status}</td>"
        f'<td class="number">{runs.duration(entry["seconds"])}</td>'
        f"<td>{entry['finished']}</td></tr>"
    )


def _results_html(folder):
    try:
        results = runs.table(folder)
    except settings.UserError as error:
        return f"<p>{html.escape(str(error))}</p>"
    if results.empty:
        return "<p>None yet.</p>"
    lines = runs.markdown_table(results).splitlines()
    head, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    headings = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "\n".join(
        f"<tr><td>{html.escape(row[0])}</td>"
        + "".join(f'<td class="number">{html.escape(cell)}</td>' for cell in row[1:])
        + "</tr>"
        for row in rows[1:]
    )
    return f"<div><table>\n<tr>{headings}</tr>\n{body}\n</table></div>"


def _address():
    return settings.REPOSITORY_ADDRESS


def _checked_address(text):
    found = re.fullmatch(
        r"(?:https://github\.com/)?([A-Za-z0-9-]+)/([A-Za-z0-9._-]+?)(?:\.git)?/?", text
    )
    if not found:
        raise settings.UserError(
            f"{text!r} is no repository on GitHub: write REPO=owner/name, as in its address."
        )
    return f"https://github.com/{found[1]}/{found[2]}"


def _substitute(path, before, after):
    text = path.read_text(encoding="utf-8")
    _replace(path, text.replace(before, after))
    return before != after and before in text


def _replace(path, text):
    files.write(path, text, "free some space or check the rights of its folder, then run again.")


def _shown(path):
    return os.path.relpath(path)


def _arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m helpers.series", description="Run and publish the notebooks."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, words in (
        ("run", "execute copies of the notebooks; pages and results go to outputs/"),
        ("publish", "maintainers: run on all data and store the outputs in the notebooks"),
    ):
        command = commands.add_parser(name, help=words, description=words)
        command.add_argument("--only", nargs="+", metavar="05", help="only these notebooks")
        command.add_argument("--seed", type=int, help="seed of the run (default: 0)")
        if name == "run":
            command.add_argument("--profile", choices=settings.PROFILES, default="quick")
            command.add_argument(
                "--fresh", action="store_true", help="run also what is finished and unchanged"
            )
    words = "maintainers: write the public address, badges and common cells everywhere"
    command = commands.add_parser("address", help=words, description=words)
    command.add_argument("repository", nargs="?", metavar="owner/name")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Do what the command line says; return the exit status, 2 where a sentence says why not."""
    options = _arguments(arguments)
    sys.stdout.reconfigure(errors="replace")
    try:
        given = getattr(options, "seed", None)
        seed = settings.seed() if given is None else settings.checked_seed(given)
        if options.command == "run":
            return run(options.profile, options.only, seed, options.fresh)
        if options.command == "publish":
            return publish(options.only, seed)
        changed = address(options.repository)
        print(f"Changed: {', '.join(changed) or 'nothing, all is as it should be'}.")
    except settings.UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
