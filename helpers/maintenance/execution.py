"""Run copies of the notebooks without opening them, each in a kernel of its own."""

import asyncio
import dataclasses
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time

import nbformat
from ipykernel import kernelspec
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from helpers import data, settings, tables
from helpers.maintenance import notebooks, stamp

SECONDS_BETWEEN_UPDATES = 0.5
SECONDS_BETWEEN_LINES = 60
SECONDS_TO_STOP = 120
INTERRUPTED = 130


def run(profile="quick", only=None, seed=0, fresh=False):
    """Execute copies of the notebooks, each in a kernel of its own, and build pages of them.

    Copies, pages and results go to `settings.OUTPUTS / profile`. A notebook that passed before
    is not run again as long as neither it, helpers/, the profile nor the seed have changed, unless
    `fresh` asks for it. Where the real data cannot be had the smoke profile runs in place of the
    others, and a line says so. Returns the exit status: 0 if all passed, 1 if one failed, 130 if
    the reader interrupted.
    """
    chosen = notebooks.choose(only)
    profile = _available(profile)
    folder = settings.OUTPUTS / profile
    record = _Record(folder)
    sources = {name: _sources(name, profile, seed) for name in chosen}

    def finished(name):
        return record.is_current(name, _key(name, profile, sources[name]))

    waiting = []
    for name in chosen:
        if (
            fresh
            or not finished(name)
            or (waiting and notebooks.reads_results(notebooks.read(name)))
        ):
            waiting.append(name)
    print(f"Profile {profile}, seed {seed}; executed copies go to {notebooks.shown(folder)}.")
    _report_kept([name for name in chosen if name not in waiting])

    def keep(name, notebook, outcome):
        _write_copy(folder / "executed", name, notebook, profile, seed)
        record.add(name, _key(name, profile, sources[name]), outcome)

    in_kernel = environment(profile, seed)
    expected = {
        name: record.seconds(name) or notebooks.author_seconds(name, profile) for name in waiting
    }
    try:
        failed = execute_all(waiting, in_kernel, expected, keep)
    except KeyboardInterrupt:
        done = sum(map(finished, chosen))
        print(
            f"\nInterrupted: {done} of {len(chosen)} notebooks are finished and kept; the same "
            "command goes on with the others."
        )
        return INTERRUPTED
    _report_results(folder / "results")
    print(f"{len(chosen) - len(failed)} of {len(chosen)} notebooks passed.")
    _write_pages(folder, profile, record.entries)
    return 1 if failed else 0


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

    `expected` holds seconds by notebook, None where nothing is known; compared with what the
    finished ones really took, which corrects for the speed of this machine.
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
        took = tables.duration(outcome.seconds)
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
        elapsed = tables.duration(time.monotonic() - self.start)
        left = self.remaining(seconds)
        expected = f", about {tables.duration(left)} left" if left else ""
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
        copy = self.path.parent / "executed" / f"{name}.ipynb"
        return entry.get("key") == key and not entry["failure"] and copy.exists()

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
        notebooks.replace(self.path, json.dumps(self.entries, indent=1))


def execute_all(chosen, environment, expected, keep, last_cell=None):
    """Execute notebooks one after the other; return the names of those that failed.

    `last_cell` gives each a last cell by its name, which is not kept.
    """
    progress = _Progress(chosen, expected)
    failed = []
    for name in chosen:
        notebook = notebooks.read(name)
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
        print(f"Took {tables.duration(time.monotonic() - progress.start)} in all.")
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
        print(
            "THE REAL DATA CANNOT BE HAD, SO THE SMOKE PROFILE RUNS INSTEAD OF "
            f"{profile.upper()}: ITS NUMBERS COME FROM A SMALL SAMPLE AND MEAN NOTHING.\n"
            f"{error}\n"
        )
        return "smoke"
    return profile


def environment(profile, seed):
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
    digest = hashlib.sha256(
        repr((profile, seed, settings.precision(), notebooks.versions())).encode()
    )
    for cell in notebooks.read(name).cells:
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
    if notebooks.reads_results(notebooks.read(name)):
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


def _report_kept(kept):
    if kept:
        print(
            f"Finished before and unchanged, so not run again: {', '.join(kept)} "
            "(FRESH=1 or --fresh runs them)."
        )


def _write_pages(folder, profile, entries):
    """Build the site over the executed copies; without it, the copies are still there."""
    from helpers.maintenance import site

    try:
        page = site.build_of_run(folder, profile, entries)
    except settings.UserError as error:
        print(f"{error}\nThe executed copies are in {notebooks.shown(folder / 'executed')}.")
    else:
        print(f"Open {notebooks.shown(page)} to see them.")


def _report_results(folder):
    """Print the table of results, or why there is none: one bad file must not end a series."""
    try:
        results = tables.table(folder)
    except settings.UserError as error:
        print(f"\n{error}\n")
        return
    if not results.empty:
        print(f"\n{tables.terminal_table(results)}\n")


def _write_copy(folder, name, notebook, profile, seed):
    stamp.normalise(notebook)
    notebook.metadata.fashion = {"profile": profile, "seed": seed}
    notebooks.replace(folder / f"{name}.ipynb", nbformat.writes(notebook) + "\n")
