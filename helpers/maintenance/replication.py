"""Train or fit a model again with other seeds, from nothing but the recipe that its result keeps.

A notebook trains every model once, among ablations and figures. Repeating only the model is many
times cheaper, and it proves that the stored recipe is enough to do so.
"""

import ast
import copy
import tempfile

import numpy as np

from helpers import data, files, models, optimizers, pipeline, results, runs, settings, training
from helpers.layers import in_float32, keras
from helpers.topics import budgets, classical, ensembling, infobatch, shipped

FIRST_SEED = 0
SECONDS_TO_CONNECT = 10
RETRIES = 2  # of a job whose worker fails
THREE_HOURS = 3 * 3600  # seconds
CALLBACKS = ("EarlyStopping", "ReduceLROnPlateau")


def replicate(result, dataset, seed):
    """Train or fit the model of a result once more and keep what comes of it.

    Starting weights, order of the batches, distortions and the split into images to learn from and
    images to choose by all vary with the seed. Result and data set are of the active profile.
    Raises UserError if the recipe cannot be repeated: that of an ensemble or of a student needs
    other networks, and a builder that has changed since is another model.
    """
    if not replicable(result):
        raise settings.UserError(
            f"{result.model} needs more than its recipe: run {result.notebook} with "
            f"FASHION_SEED={seed} instead."
        )
    images, validation = data.split(dataset.train, seed=seed)
    if result.model in classical.names():
        return runs.finish_classical(_fit(result, images, validation, seed), dataset.test)
    if result.trained_on == len(dataset.train):
        images, validation = dataset.train, None
    run = _train(result, images, validation, seed)
    views = [rebuilt(words, pipeline) for words in result.recipe.get("views", [])]
    return runs.finish(run, dataset.test, views=views or None)


def _fit(result, images, validation, seed):
    changes = {key: value for key, value in result.recipe.items() if key != "probabilities"}
    return classical.fit(result.model, images, validation, seed, **changes)


def _train(result, images, validation, seed):
    recipe = result.recipe
    model = models.build(result.registered, seed, **recipe.get("architecture", {}))
    if model.count_params() != result.parameters:
        raise settings.UserError(
            f"{result.model} has {model.count_params():,} parameters today and its result "
            f"{result.parameters:,}: publish {result.notebook} again first."
        )
    told = {
        "optimizer": _optimizer(recipe["optimizer"]),
        "loss": _loss(recipe),
        "epochs": recipe["epochs"],
        "batch_size": recipe["batch_size"],
        "augment": [rebuilt(words, pipeline) for words in recipe["augment"]],
        "arm": result.model.partition(results.VARIANT_MARK)[2] or None,
        "seed": seed,
    }
    if "left_out" in recipe:
        return infobatch.train(model, images, validation, share=recipe["left_out"], **told)
    callbacks = [_callback(words) for words in recipe["callbacks"]]
    return training.train(model, images, validation, callbacks=callbacks, **told)


def replicable(result):
    """Return whether a result's recipe is all that a repetition needs."""
    if result.model in classical.names():
        return True
    alone = "optimizer" in result.recipe and "soft_labels" not in result.recipe
    known = result.variant_of is None or "architecture" in result.recipe
    return alone and known and result.registered in models.names()


def _optimizer(words):
    # Keras puts objects into the description that it reads, and finds ours only when told.
    own = (optimizers.Muon, optimizers.Triangular)
    known = {keras.saving.get_registered_name(one): one for one in own}
    return keras.optimizers.deserialize(copy.deepcopy(words), custom_objects=known)


def _loss(recipe):
    name = recipe["loss"]
    if name.islower():
        return name  # so that the new recipe names it as the old one does
    loss, smoothing = getattr(keras.losses, name), recipe["label_smoothing"]
    return loss(label_smoothing=smoothing) if smoothing else loss()


def _callback(words):
    name = words.partition("(")[0]
    if name not in CALLBACKS:
        raise settings.UserError(
            f"The callback {words} cannot be rebuilt from its description: use one of "
            f"{', '.join(CALLBACKS)}, or run the notebook with another FASHION_SEED."
        )
    return rebuilt(words, keras.callbacks)


def rebuilt(words, module):
    """Return the object of a module that a recipe describes, for instance as `Shift(pixels=1)`."""
    call = ast.parse(words, mode="eval").body
    arguments = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    return getattr(module, call.func.id)(**arguments)


def replicate_missing(names, seeds, scheduler=None):
    """Replicate models, all that can be by default, with the seeds that they have no result of.

    One after another in this process, or on the workers of the Dask scheduler at an address. A
    result is written as soon as it is there, so that the same call goes on after an interruption.
    Raises UserError if a model has no result to replicate, or in the end names what failed.
    """
    found = {(result.model, result.seed): result for result in _known()}
    first = {name: one for (name, seed), one in found.items() if seed == FIRST_SEED}
    for name in names:
        if name not in first:
            raise settings.UserError(
                f"{name!r} has no result with seed {FIRST_SEED} to replicate: use one of "
                f"{', '.join(first) or 'those of notebooks that you run first'}."
            )
    chosen = names or [
        name for name, one in first.items() if replicable(one) and not one.variant_of
    ]
    pairs = [(name, seed) for name in chosen for seed in seeds]
    for pair in pairs:
        if pair in found:
            _say("kept", found[pair])
    jobs = [(first[name], seed) for name, seed in pairs if (name, seed) not in found]
    if scheduler:
        _spread(jobs, scheduler)
    elif jobs:
        dataset = data.load_profile()
        for result, seed in jobs:
            _say("new ", replicate(result, dataset, seed))


def _spread(jobs, scheduler):
    """Send jobs to the workers of a Dask scheduler, and write each result as it comes back."""
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise settings.UserError(
            "--scheduler needs Dask here and on the workers: pip install distributed."
        ) from error
    try:
        client = Client(scheduler, timeout=SECONDS_TO_CONNECT)
    except (OSError, ValueError) as error:
        raise settings.UserError(
            f"No Dask scheduler answers at {scheduler!r}: start `dask scheduler` and `dask worker` "
            "from this folder, and name the address that it prints."
        ) from error
    failed = []
    with client:
        waiting = {
            client.submit(_on_worker, result, seed, retries=RETRIES, pure=False): (result, seed)
            for result, seed in jobs
        }
        for future in as_completed(waiting):
            result, seed = waiting[future]
            try:
                line, contents = future.result()
            except Exception as error:  # of any class, as it comes from the worker's code
                failed.append(f"{result.model} with seed {seed} ({error})")
                continue
            file = results.file_of(settings.results_folder(), result.model, seed)
            for suffix in (".npz", ".json"):
                files.write(file.with_suffix(suffix), contents[suffix], "make room, then go on.")
            print(f"new   {line}", flush=True)
    if failed:
        raise settings.UserError(
            f"Not replicated: {'; '.join(failed)}. The others are kept, and the same command tries "
            "these again."
        )


def _on_worker(result, seed):
    """Replicate on another machine; return the line to print and the two files by their ending."""
    settings.use_profile(result.profile)
    with tempfile.TemporaryDirectory() as folder, settings.results_in(folder):
        again = replicate(result, data.load_profile(), seed)
        found = {path.suffix: path.read_bytes() for path in again.file.parent.iterdir()}
    return runs.summary(again), found


def train_budgets(names, seeds, hold_out=False, whole=False):
    """Train budgets, all by default, `shipped` or `ensemble_3h`, with the seeds that they lack."""
    arm = budgets.arm_of(hold_out, whole)
    dataset = data.load_profile()
    stored = runs.load_all(settings.results_folder(), variants=True)
    found = {(result.model, result.seed): result for result in stored}
    for seed in seeds:
        for name in names or budgets.RECIPES:
            pair = (runs.VARIANT_MARK.join(filter(None, (name, arm))), seed)
            if name == "shipped":
                _say("new ", _ship(dataset))
            elif name == "ensemble_3h":
                _say("new ", three_hours(seed))
            elif pair in found:
                _say("kept", found[pair])
            else:
                run = budgets.train(name, dataset, seed, hold_out, whole)
                _say("new ", budgets.finish(run, dataset))


def _ship(dataset):
    run = shipped.train(dataset)
    result = budgets.finish(run, dataset)
    shipped.save(in_float32(run.model), settings.results_folder() / shipped.PLACE)
    return result


def three_hours(seed=0):
    """Form the ensemble that two cores train in three hours, `ensemble_3h`, from stored results.

    The members are those of `ensembling.members_of_three_hours`. Raises UserError if results of
    members are missing, they were judged on different images, or their training took longer.
    """
    stored = runs.load_all(settings.results_folder())
    stored = {(result.model, result.seed): result for result in stored}
    pairs = ensembling.members_of_three_hours(seed)
    missing = [pair for pair in pairs if pair not in stored]
    if missing:
        names = ", ".join(f"{model} with seed {seed}" for model, seed in missing)
        raise settings.UserError(
            f"The ensemble of three hours lacks the results of {names}: train them with `python -m "
            "helpers budget NAME --seed SEED`, then run this again."
        )
    results = [stored[pair] for pair in pairs]
    labels = results[0].labels()
    if not all(np.array_equal(result.labels(), labels) for result in results):
        raise settings.UserError(
            "The members were judged on different test images: train those of another profile anew."
        )
    seconds = sum(result.training_seconds for result in results)
    if seconds > THREE_HOURS:
        raise settings.UserError(
            f"The members took {runs.duration(seconds)} to train, more than three hours: leave one "
            "out of THREE_HOURS in helpers/topics/ensembling.py."
        )
    members = [ensembling.stored_member(result) for result in results]
    return runs.finish_ensemble("ensemble_3h", members, labels, seed=seed)


def _known():
    """Return the published results with the reader's own, outside of `full` the latter alone."""
    folder = None if settings.profile() == "full" else settings.results_folder()
    return runs.load_all(folder, variants=True)


def _say(verb, result):
    print(f"{verb}  {runs.summary(result)}", flush=True)
