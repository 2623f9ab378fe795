"""The command line, `python -m helpers COMMAND`: arguments in, an exit status out.

Each command imports what it needs when it is called, so that none waits for the libraries of the
others. An error that the reader can mend is one sentence and the status 2.
"""

import argparse
import os
import sys
from pathlib import Path

from helpers import definitions, settings

NEW_SEEDS = [1, 2, 3, 4]


def main(arguments=None):
    """Do what the command line says and return the exit status."""
    for stream in (sys.stdout, sys.stderr):  # a pipe may lack letters that a sentence has
        stream.reconfigure(errors="replace")
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] not in COMMANDS:
        asked = not words or words[0] in ("-h", "--help")
        print(_overview() if asked else f"There is no command {words[0]!r}.\n\n{_overview()}")
        return 0 if asked else 2
    command = COMMANDS[words[0]]
    parser = argparse.ArgumentParser(f"python -m helpers {words[0]}", description=command.__doc__)
    try:
        return command(parser, words[1:]) or 0
    except settings.UserError as error:
        print(error, file=sys.stderr)
        return 2


def run(parser, arguments):
    """Run copies of the notebooks without opening them; pages and results go to outputs/."""
    _add_notebooks(parser)
    parser.add_argument("--profile", choices=settings.PROFILES, default="quick")
    parser.add_argument(
        "--fresh", action="store_true", help="run also what passed and is unchanged"
    )
    options = parser.parse_args(arguments)
    from helpers.maintenance import execution

    return execution.run(
        options.profile, options.only, settings.checked_seed(options.seed), options.fresh
    )


def publish(parser, arguments):
    """Run notebooks on all data and store their outputs in them (maintainers)."""
    _add_notebooks(parser)
    options = parser.parse_args(arguments)
    from helpers.maintenance import publishing

    return publishing.publish(options.only, settings.checked_seed(options.seed))


def address(parser, arguments):
    """Write the repository's public address, badges and common cells everywhere."""
    parser.add_argument("repository", nargs="?", metavar="owner/name")
    options = parser.parse_args(arguments)
    from helpers.maintenance import publishing

    changed = publishing.address(options.repository)
    print(f"Changed: {', '.join(changed) or 'nothing, all is as it should be'}.")


def pages(parser, arguments):
    """Render README's tables and pictures, and what notebooks expect, from the results."""
    parser.parse_args(arguments)
    from helpers.maintenance import pages

    changed = pages.render()
    print("\n".join(f"rendered {name}" for name in changed) or "All pages agree with the results.")


def site(parser, arguments):
    """Build the site from the stored notebooks, without executing any."""
    parser.parse_args(arguments)
    from helpers.maintenance import site

    print(f"Open {os.path.relpath(site.build())}")


def results(parser, arguments):
    """Print the table of results."""
    _add_results(parser)
    parser.add_argument("--variants", action="store_true", help="include the arms of ablations")
    parser.add_argument("--figure", type=Path, metavar="PNG", help="draw their accuracies as well")
    options = parser.parse_args(arguments)
    from helpers import files, plotting, tables

    found = tables.table(_folder(options), options.variants)
    if options.figure and not found.empty:
        picture = plotting.png(plotting.accuracy_bars(found))
        files.write(options.figure, picture, "name another file.")
    if options.csv:
        _print_csv(found)
    elif found.empty:
        print("There are no results yet: run a notebook to make one.")
    else:
        print(tables.terminal_table(found))


def check(parser, arguments):
    """Say which results, arms included, no longer match the code that claims them."""
    _add_results(parser)
    options = parser.parse_args(arguments)
    from helpers import results
    from helpers.maintenance import provenance

    folder = _folder(options) or settings.reference_results()
    checked = provenance.check(results.load_all(folder, variants=True))
    if options.csv:
        _print_csv(checked)
    else:
        print(provenance.report(checked))
    return int((checked["verdict"] == provenance.CONTRADICTS).any())


def train(parser, arguments):
    """Train a registered model, as your own, by a plain recipe with Adam, and keep its result."""
    parser.add_argument("model", help="the name of a builder in helpers/models.py")
    parser.add_argument("--epochs", type=int, default=10, help="of the full profile")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=settings.seed())
    options = parser.parse_args(arguments)
    from helpers import data, models, runs, tables, training

    definitions.remember()
    seed = settings.checked_seed(options.seed)
    model = models.build(options.model, seed)
    dataset = data.load_profile()
    run = training.train(
        model,
        *data.split(dataset.train),
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        epochs=settings.epochs(options.epochs),
        batch_size=options.batch_size,
        seed=seed,
    )
    print(tables.summary(runs.finish(run, dataset.test)))


def replicate(parser, arguments):
    """Train models again with other seeds, by the recipe of the first; what is there is kept."""
    parser.add_argument("models", nargs="*", metavar="MODEL", help="all with a result by default")
    parser.add_argument("--seed", nargs="+", type=int, default=NEW_SEEDS, metavar="SEED")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="of Dask, to spread the work over its machines"
    )
    options = parser.parse_args(arguments)
    from helpers.maintenance import replication

    definitions.remember()
    seeds = settings.seeds(options.seed)
    replication.replicate_missing(options.models, seeds, options.scheduler)


def budget(parser, arguments):
    """Train budgets, which are kept where they are there, or make `shipped` or `ensemble_3h`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="all budgets by default")
    parser.add_argument("--seed", nargs="+", type=int, metavar="SEED")
    parser.add_argument("--hold-out", action="store_true", help="train without validation images")
    parser.add_argument("--whole", action="store_true", help="and leave no easy images out")
    options = parser.parse_args(arguments)
    from helpers.maintenance import replication

    definitions.remember()
    seeds = settings.seeds(options.seed)
    replication.train_budgets(options.names, seeds, options.hold_out, options.whole)


def robustness(parser, arguments):
    """Train networks with five distortions and test them on corruptions; what is there is kept."""
    parser.add_argument("--seed", nargs="+", type=int, default=(0, 1, 2), metavar="SEED")
    options = parser.parse_args(arguments)
    from helpers.maintenance import robustness

    definitions.remember()
    print(f"Kept in {os.path.relpath(robustness.measure(settings.seeds(options.seed)))}.")


def declare(parser, arguments):
    """Declare that definitions changed and no number did, after a retraining has proved it."""
    from helpers.maintenance import equivalences

    parser.add_argument("reason", help="why no number can have changed, in half a sentence")
    parser.add_argument(
        "--retrain",
        nargs="+",
        type=equivalences.model_and_seed,
        required=True,
        metavar="MODEL:SEED",
        help="published results to train again, which have to come out the same",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="the definitions to declare, as 'layers.*'; by default all that is proved",
    )
    options = parser.parse_args(arguments)
    definitions.remember()
    left = equivalences.declare(options.reason, options.retrain, options.only)
    print(f"still stale {', '.join(left)}" if left else "nothing is stale any more")


def benchmark(parser, arguments):
    """Measure how fast this machine trains the models of the series, and how fast it could."""
    from helpers.maintenance.benchmark import measure

    measure.add_arguments(parser)
    return measure.measure(parser.parse_args(arguments))


COMMANDS = {
    command.__name__: command
    for command in (
        run, publish, results, check, train, replicate, budget, robustness, benchmark, pages, site,
        address, declare,
    )
}  # fmt: skip


def _overview():
    width = max(map(len, COMMANDS))
    lines = [
        f"  {name.ljust(width)}  {command.__doc__.splitlines()[0]}"
        for name, command in COMMANDS.items()
    ]
    return "\n".join(["python -m helpers COMMAND; each takes --help.", "", *lines])


def _add_notebooks(parser):
    parser.add_argument("--only", nargs="+", metavar="05", help="only these notebooks")
    parser.add_argument("--seed", type=int, default=settings.seed(), help="0 by default")


def _add_results(parser):
    parser.add_argument("--csv", action="store_true", help="comma-separated values, for machines")
    parser.add_argument("--folder", type=Path, help="read another folder than notebooks/results")


def _folder(options):
    if options.folder and not options.folder.is_dir():
        raise settings.UserError(f"{options.folder} is no folder: name one that holds results.")
    return options.folder


def _print_csv(table):
    print(table.to_csv(index=False, float_format="%.6g", lineterminator="\n"), end="")
