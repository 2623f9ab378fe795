"""Whether the fast way is as accurate: the same model trained both ways from paired seeds."""

from helpers import data, evaluation, models, training
from helpers.layers import keras
from helpers.maintenance.benchmark import arms

MODELS = {"cnn_batch_normalization": 2, "ann_regularized": 10}
SEEDS = 5


def compare(name, dataset, images, epochs, seeds=SEEDS):
    """Train a model in plain Keras and in the engine, from paired seeds, on a short schedule.

    Both train on the same images without augmentation, with Adam and a rate that falls to zero, and
    are judged on the same validation images after the last epoch.

    Parameters
    ----------
    name : str
    dataset : data.Dataset
    images : int
        How many of the training split.
    epochs : int
    seeds : int

    Returns
    -------
    dict
        `plain` and `engine`, the validation accuracies by seed; `difference`, engine minus plain:
        its `mean` over the seeds and the 95 % interval from `low` to `high`.
    """
    plain, engine = [], []
    for seed in range(seeds):
        training_split, validation = data.split(dataset.train, seed=seed)
        chosen = training_split.take(range(min(images, len(training_split))))
        plain.append(_plain_accuracy(name, chosen, validation, epochs, seed))
        engine.append(_engine_accuracy(name, chosen, validation, epochs, seed))
        print(f"{name} seed {seed}: plain Keras {plain[-1]:.4f}, engine {engine[-1]:.4f}")
    differences = [fast - slow for fast, slow in zip(engine, plain, strict=True)]
    mean, low, high = evaluation.seed_interval(differences)
    return {
        "model": name,
        "training_images": len(chosen),
        "validation_images": len(validation),
        "epochs": epochs,
        "plain": plain,
        "engine": engine,
        "difference": {"mean": mean, "low": low, "high": high},
    }


def _optimizer(name, images, epochs):
    steps = images // arms.recipe(name).batch_size * epochs
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps))


def _plain_accuracy(name, chosen, validation, epochs, seed):
    recipe = arms.recipe(name)
    pixel_range = models.specification(name).pixel_range
    model = arms.build(name, arms.PLAIN, seed)
    model.compile(_optimizer(name, len(chosen), epochs), "sparse_categorical_crossentropy")
    images, labels = arms.arrays(chosen, pixel_range)
    model.fit(images, labels, batch_size=recipe.batch_size, epochs=epochs, verbose=0)
    return _accuracy(model, validation, pixel_range)


def _engine_accuracy(name, chosen, validation, epochs, seed):
    model = models.build(name, seed)
    # Keras' dropout draws from the stream of seeds that starting weights come from; ours does not.
    model.set_weights(arms.build(name, arms.PLAIN, seed).get_weights())
    run = training.train(
        model,
        chosen,
        None,
        optimizer=_optimizer(name, len(chosen), epochs),
        loss="sparse_categorical_crossentropy",
        epochs=epochs,
        batch_size=arms.recipe(name).batch_size,
        seed=seed,
    )
    return _accuracy(run.model, validation, run.pixel_range)


def _accuracy(model, validation, pixel_range):
    probabilities = evaluation.predict(model, validation.images, pixel_range)
    return float((probabilities.argmax(axis=1) == validation.labels).mean())
