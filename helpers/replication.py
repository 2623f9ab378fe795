"""Train or fit a model again with other seeds, from nothing but the recipe that its result keeps.

A notebook trains every model once, among ablations and figures. Repeating only the model is many
times cheaper, and it proves that the stored recipe is enough to do so.
"""

import argparse
import ast
import copy
import dataclasses
import sys

from helpers import (
    classical,
    data,
    models,
    optimizers,
    pipeline,
    pruning,
    runs,
    settings,
    training,
)
from helpers.layers import keras

FIRST_SEED = 0
CALLBACKS = ("EarlyStopping", "ReduceLROnPlateau")


def replicate(result, dataset, seed):
    """Train or fit the model of a result once more and keep what comes of it.

    Starting weights, order of the batches, distortions and the split into images to learn from and
    images to choose by all vary with the seed.

    Parameters
    ----------
    result : runs.Result
        Of a registered model or a classical baseline, made in the active profile.
    dataset : data.Dataset
        That of the active profile.
    seed : int

    Returns
    -------
    runs.Result

    Raises
    ------
    UserError
        If the recipe cannot be repeated: that of an ensemble or of a student needs other networks,
        and a builder that has changed since is another model.
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
    architecture = recipe.get("architecture", {})
    model = models.build(result.model, seed, **architecture)
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
        "seed": seed,
    }
    if "left_out" in recipe:
        run = pruning.train(model, images, validation, share=recipe["left_out"], **told)
    else:
        callbacks = [_callback(words) for words in recipe["callbacks"]]
        run = training.train(model, images, validation, callbacks=callbacks, **told)
    if architecture:
        run = dataclasses.replace(run, recipe=run.recipe | {"architecture": architecture})
    return run


def replicable(result):
    """Return whether a result's recipe is all that a repetition needs.

    Parameters
    ----------
    result : runs.Result

    Returns
    -------
    bool
    """
    if result.model in classical.names():
        return True
    alone = "optimizer" in result.recipe and "soft_labels" not in result.recipe
    return alone and result.model in models.names()


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
    """Return the object that a recipe describes by its class and keyword arguments.

    Parameters
    ----------
    words : str
        For instance `Shift(pixels=1)`.
    module : module
        Where the class is found.
    """
    call = ast.parse(words, mode="eval").body
    arguments = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    return getattr(module, call.func.id)(**arguments)


def main(arguments=None):
    """Replicate models as a command and return its exit status.

    What has a result already is kept, so that the same command goes on after an interruption.
    """
    parser = argparse.ArgumentParser(prog="python -m helpers.replication", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="MODEL", help="all with a result by default")
    parser.add_argument("--seed", nargs="+", type=int, default=[1, 2, 3, 4], metavar="SEED")
    options = parser.parse_args(arguments)
    try:
        found = {(result.model, result.seed): result for result in _known()}
        first = {name: one for (name, seed), one in found.items() if seed == FIRST_SEED}
        names = options.names or [name for name, one in first.items() if replicable(one)]
        for name in names:
            if name not in first:
                raise settings.UserError(
                    f"{name!r} has no result with seed {FIRST_SEED} to replicate: use one of "
                    f"{', '.join(first) or 'those of notebooks that you run first'}."
                )
        seeds = settings.seeds(options.seed)
        dataset = data.load_profile()
        for name in names:
            for seed in seeds:
                _replicate_once(first[name], found.get((name, seed)), dataset, seed)
    except settings.UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _known():
    """Return the published results with the reader's own, outside of `full` the latter alone."""
    folder = None if settings.profile() == "full" else settings.results_folder()
    return runs.load_all(folder)


def _replicate_once(result, earlier, dataset, seed):
    if earlier:
        print(f"kept  {runs.summary(earlier)}", flush=True)
    else:
        print(f"new   {runs.summary(replicate(result, dataset, seed))}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
