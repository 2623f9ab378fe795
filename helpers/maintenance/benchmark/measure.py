"""Measure how fast this machine trains the models of the series, and how fast it could.

`python -m helpers benchmark` prints the tables and, with `--json` or `--publish`, writes them to a
file part by part, so that a run cut short keeps what it finished. With ONEDNN_MAX_CPU_ISA=AVX2 a
newer processor is measured as if it had no AVX-512.
"""

import datetime
import json
import statistics
import sys
from pathlib import Path

from helpers import cost, data, files, models, settings
from helpers.maintenance.benchmark import accuracy, arms, rates, report
from helpers.maintenance.benchmark.worker import Worker, plain_onednn

SIZES = {False: (6400, 1600), True: (1280, 320)}
ROUNDS = {False: 3, True: 1}
ACCURACY_IMAGES = {False: 12_800, True: 1280}
LADDERS = ("cnn_batch_normalization", arms.RESIDUAL)


def measure(options):
    """Run the benchmark with the options of `add_arguments` and return its exit status."""
    if options.publish:
        options.json = _published(options)
    conditions = {
        "machine": cost.machine(),
        "versions": cost.versions(),
        "plain_onednn": plain_onednn(),
        "quick": options.quick,
        "training_images": SIZES[options.quick][0],
        "validation_images": SIZES[options.quick][1],
        "rounds": ROUNDS[options.quick],
    }
    written = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    found = _earlier(options, conditions) | {"written": written} | conditions
    print(report.heading(found), flush=True)
    for name, part in PARTS.items():
        if options.only and name not in options.only:
            continue
        found[name] = _merged(found.get(name), part(options), options)
        found["residual"] = _sustained(found)
        print("\n" + report.PARTS[name](found), flush=True)
        if options.json:
            _write(found, options.json)
    return 0


def _published(options):
    """Return the file of the published figures of this kind of processor."""
    if options.quick or options.json:
        raise settings.UserError("--publish is for a whole run: leave out --quick and --json.")
    return settings.PUBLISHED_RESULTS / f"benchmark_{cost.processor_kind()}.json"


def _earlier(options, conditions):
    """Return the figures of a file that only some parts or models are measured for anew."""
    if not (options.json and options.json.exists() and (options.only or options.models)):
        return {}
    try:
        earlier = json.loads(options.json.read_text(encoding="utf-8"))
    except ValueError as error:
        raise settings.UserError(
            f"{options.json} is damaged: delete it, or name another."
        ) from error
    other = [key for key, value in conditions.items() if earlier.get(key) != value]
    if other:
        raise settings.UserError(
            f"The figures in {options.json} are of another {', '.join(other)}: name another file, "
            "or measure all parts of all models anew."
        )
    return earlier


def add_arguments(parser):
    """Add the arguments of the command."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="write the figures to notebooks/results, to the file of this kind of processor",
    )
    parser.add_argument("--quick", action="store_true", help="one round on the embedded sample")
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="time these models only")
    parser.add_argument(
        "--only", nargs="+", choices=list(PARTS), metavar="PART", help=", ".join(PARTS)
    )


def measure_rates(options):
    """Measure what the machine can do at the residual network's shapes."""
    return rates.measure(arms.RESIDUAL, arms.recipe(arms.RESIDUAL).batch_size)


def measure_models(options):
    """Train every model in turns, plain and through the engine."""
    names = options.models or [*arms.source_models(), arms.RESIDUAL]
    compared = []
    for number, name in enumerate(names, 1):
        print(f"timing {name}, {number} of {len(names)}", file=sys.stderr, flush=True)
        compared.append(_compare(name, options))
    return compared


def measure_ingredients(options):
    """Train some models with one ingredient of the engine more each time."""
    return [
        {"model": name, "steps": _ladder(name, options)}
        for name in LADDERS
        if name in (options.models or LADDERS)
    ]


def measure_pytorch(options):
    """Train the residual network in PyTorch, eager and compiled, in turns with the engine."""
    try:
        import torch
    except ImportError:
        return None
    wanted = {"engine": _specification(arms.RESIDUAL, arms.ENGINE, options)}
    for key, compiled in (("eager", False), ("compiled", True)):
        sizes = _specification(arms.RESIDUAL, None, options)
        wanted[key] = sizes | {"library": "PyTorch", "compiled": compiled}
    timed = zip(wanted, _in_turns(wanted.values(), options), strict=True)
    flops = cost.flops(models.build(arms.RESIDUAL))
    return {"version": torch.__version__} | {
        key: _speed(turn, flops, options) for key, turn in timed if turn
    }


def measure_accuracy(options):
    """Train two models both ways from paired seeds."""
    dataset = data.load_sample() if options.quick else data.load()
    images = ACCURACY_IMAGES[options.quick]
    return [
        accuracy.compare(name, dataset, images, 1 if options.quick else epochs)
        for name, epochs in accuracy.MODELS.items()
    ]


PARTS = {
    "rates": measure_rates,
    "models": measure_models,
    "pytorch": measure_pytorch,
    "ingredients": measure_ingredients,
    "accuracy": measure_accuracy,
}


def _sustained(found):
    """Return which share of the machine's own rates the residual network's training sustains.

    The faster of the number formats counts, and of the libraries for matrix products; the fastest
    round of the training, as the machine's own rates are those of the fastest repeat.
    """
    timed = [entry for entry in found.get("models", []) if entry["model"] == arms.RESIDUAL]
    if not timed or "rates" not in found:
        return None
    engine, measured = timed[0]["engine"], found["rates"]
    achieved = engine["gflops"] * statistics.median(engine["seconds"]) / min(engine["seconds"])
    products, convolutions = measured["matrix_product"], measured["convolution"]
    formats = [dtype for dtype in rates.FORMATS if dtype in convolutions[0]]
    product = max(rates.best_product_rate(products, dtype) for dtype in formats)
    convolution = max(rates.overall(convolutions, dtype) for dtype in formats)
    return {
        "model": arms.RESIDUAL,
        "gflops": achieved,
        "matrix_product": product,
        "convolution": convolution,
        "share_of_matrix_product": achieved / product,
        "share_of_convolution": achieved / convolution,
    }


def _merged(before, measured, options):
    """Keep the figures of other models that were not asked for this time."""
    if not (before and options.models and isinstance(measured, list)):
        return measured
    again = {entry.get("model") for entry in measured}
    return [entry for entry in before if entry.get("model") not in again] + measured


def _specification(name, ingredients, options):
    images, validation_images = SIZES[options.quick]
    return {
        "library": "TensorFlow",
        "model": name,
        "ingredients": ingredients,
        "images": images,
        "validation_images": validation_images,
        "quick": options.quick,
    }


def _ladder(name, options):
    held, steps = [], [("plain Keras", [])]
    for key in arms.used(name, plain_onednn()):
        held.append(key)
        steps.append((arms.INGREDIENTS[key], list(held)))
    turns = _in_turns([_specification(name, step[1], options) for step in steps], options)
    return [{"name": step[0], **turn} for step, turn in zip(steps, turns, strict=True)]


def _compare(name, options):
    model = models.build(name)
    flops = cost.flops(model)
    wanted = [_specification(name, ingredients, options) for ingredients in ([], arms.ENGINE)]
    plain, engine = _in_turns(wanted, options)
    ratios = [a / b for a, b in zip(plain["seconds"], engine["seconds"], strict=True)]
    return {
        "model": name,
        "title": models.specification(name).title,
        "batch_size": arms.recipe(name).batch_size,
        "mflops": flops / 1e6,
        "plain": _speed(plain, flops, options),
        "engine": _speed(engine, flops, options),
        "ratio": {
            "minimum": min(ratios),
            "median": statistics.median(ratios),
            "maximum": max(ratios),
        },
    }


def _in_turns(specifications, options):
    """Train an epoch in each of several arms in turn, for as many rounds as asked for."""
    workers = []
    try:
        for specification in specifications:
            workers.append(Worker(specification))
        rounds = [[worker.epoch() for worker in workers] for _ in range(ROUNDS[options.quick])]
    finally:
        for worker in workers:
            worker.end()
    return [
        {
            "seconds": [turn["seconds"] for turn in turns],
            "peak_memory_gib": max(turn["peak_memory_gib"] for turn in turns),
            "growth_mib": turns[-1]["growth_mib"],
        }
        for turns in zip(*rounds, strict=True)
    ]


def _speed(turn, flops, options):
    """Add images and operations per second: training counts three times a forward pass."""
    images, validation_images = SIZES[options.quick]
    seconds = statistics.median(turn["seconds"])
    operations = flops * (3 * images + validation_images)
    return turn | {"images_per_second": images / seconds, "gflops": operations / seconds / 1e9}


def _write(found, path):
    files.write(path, json.dumps(found, indent=1) + "\n", "choose another place for --json.")
