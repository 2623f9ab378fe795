import json, sys
sys.path[:0] = ["drafts", "."]
from nb import *
T = texts("drafts/nb08.txt")
V = json.load(open("drafts/values.json"))
class Loose(dict):
    def __missing__(self, k): return Hole(k)
class Hole(str):
    def __format__(self, spec): return "{" + self + "}"
def t(k):
    return md(T[k].format_map(Loose(V)) if k not in ("solution1", "solution2", "solution3") else T[k])
cells = [t("head"), t("setup"), ("code", "BOOTSTRAP", []),
code('''
from helpers import cost, data, evaluation, models, pipeline, plotting, runs, settings
from helpers import significance, training
from helpers.topics import exercises
import keras
import numpy as np
import pandas as pd
'''), code('''
dataset = data.load_profile()
runs.banner("08_cnn_three_versions", dataset)
training_images, validation_images = data.split(dataset.train)
'''), t("claim"), code('''
names = ["cnn_basic", "cnn_advanced", "cnn_optimum"]
reported = {name: models.specification(name).reported_accuracy for name in names}
for name in sorted(names, key=reported.get, reverse=True):
    print(f"{name:13} {reported[name]:.2%}")
''', C), t("versions"), code('plotting.show_source(models.source("cnn_basic"))', C),
t("advanced"), code('plotting.show_source(models.source("cnn_advanced"))', C),
t("optimum"), code('plotting.show_source(models.source("cnn_optimum"))', C), t("count"), code('''
for name in names:
    model = models.build(name)
    layers = cost.layer_table(model)
    dense = layers.loc[layers["kind"] == "Dense", "parameters"].sum()
    total = cost.parameters(model)
    print(f"{name:13} {total:8,} parameters, {dense / total:.1%} in dense layers, ", end="")
    print(f"{cost.flops(model) / 1e6:.1f} million operations")
''', C), t("sizes"), code('''
batch_size, epochs = 64, settings.epochs(12)
steps = epochs * (len(training_images) // batch_size)


def train(name, arm=None, **changes):
    """Train a network, or one arm of it, by the recipe that basic and advanced share."""
    falling = keras.optimizers.schedules.CosineDecay(1e-3, steps)
    return training.train(
        models.build(name, seed=settings.seed(), **changes),
        training_images,
        validation_images,
        optimizer=keras.optimizers.Adam(falling),
        loss="categorical_crossentropy",
        epochs=epochs,
        batch_size=batch_size,
        arm=arm,
    )
'''), t("trainboth"), code('trained = {name: train(name) for name in ("cnn_basic", "cnn_advanced")}'),
t("longer"), code('''
smoothing = 0.05
print(((1 - smoothing) * np.eye(10)[3] + smoothing / 10).round(4))
''', C), t("smoothed"), t("schedule"), code('''
epochs_of_optimum = settings.epochs(20)
steps_of_optimum = epochs_of_optimum * (len(training_images) // 128)
warm_up = steps_of_optimum // 6
schedule = keras.optimizers.schedules.CosineDecay(
    initial_learning_rate=0.02,
    warmup_target=0.2,
    warmup_steps=warm_up,
    decay_steps=steps_of_optimum - warm_up,
    alpha=1e-3,  # the share of the peak that is left at the end
)
'''), md("Everything else is the same call."), code('''
trained["cnn_optimum"] = training.train(
    models.build("cnn_optimum", seed=settings.seed()),
    training_images,
    validation_images,
    optimizer=keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True),
    loss=keras.losses.CategoricalCrossentropy(label_smoothing=smoothing),
    epochs=epochs_of_optimum,
    batch_size=128,
    augment=(pipeline.Flip(), pipeline.Shift(1)),
)
'''), t("curves"), code('''
histories = {name: trained[name].history for name in names}
for name, history in histories.items():
    print(f"{name:13} accuracy {history['accuracy'][-1]:.2%} on training images, ", end="")
    print(f"{history['val_accuracy'][-1]:.2%} on validation images")
figure = plotting.learning_curves(histories, title="The three versions in training")
plotting.show(
    figure,
    "Loss and accuracy of the three versions against the epoch, one column a network. The basic "
    "network's training curve leaves its validation curve; all validation curves are calm at the "
    "end.",
)
'''), t("curves_read"), code('''
CORNERS = {  # what the two further corners of the square change
    "large, plain": ("cnn_basic", {"filters": (32, 64, 128), "units": 256}),
    "small, regularised": ("cnn_advanced", {"filters": (32, 64), "units": 64}),
}
for corner, (name, changes) in CORNERS.items():
    network = models.build(name, **changes)
    print(f"{corner:19} {cost.parameters(network):,} parameters, ", end="")
    print(f"{cost.flops(network) / 1e6:.1f} million operations")
''', C), t("square"), code('''
SQUARE = {
    "cnn_basic": "small, plain",
    "cnn_basic__larger": "large, plain",
    "cnn_advanced__smaller": "small, regularised",
    "cnn_advanced": "large, regularised",
}


def last_accuracies(arms):
    """Return the last validation accuracy of each arm, a column for each seed that all have."""
    table = runs.by_seed(list(arms), lambda stored: stored.history["val_accuracy"][-1])
    return table.set_axis(arms.values()).dropna(axis="columns")


square = last_accuracies(SQUARE)
figure = plotting.seed_strips(square, "small, plain", "Validation accuracy after twelve epochs")
plotting.show(figure, figure.alt)
'''), t("square_read"), t("steps"), code('''
def print_gains(table, pairs):
    for arm, reference in pairs:
        gain = runs.paired_gain(table, arm, reference)
        print(f"{reference} → {arm}: {100 * gain.difference:+.2f} points", end="")
        print(f" ({100 * gain.low:+.2f} to {100 * gain.high:+.2f})")


print_gains(square, [("large, plain", "small, plain")])
print_gains(square, [("large, regularised", "small, regularised")])
print_gains(square, [("small, regularised", "small, plain")])
print_gains(square, [("large, regularised", "large, plain")])
'''), t("steps_read"), t("dropout"), code('''
PARTS = {
    "cnn_basic__larger": "neither",
    "cnn_advanced__without_dropout": "normalisation",
    "cnn_advanced": "normalisation and dropout",
}
parts = last_accuracies(PARTS)
figure = plotting.seed_strips(parts, "neither", "The large network: which part costs accuracy?")
plotting.show(figure, figure.alt)
print_gains(parts, [("normalisation and dropout", "normalisation")])
'''), t("dropout_read"), t("scatter"), code('''
RATES = {
    "cnn_basic__constant_rate": "basic, constant",
    "cnn_basic": "basic, falling",
    "cnn_advanced__constant_rate": "advanced, constant",
    "cnn_advanced": "advanced, falling",
}
rates = last_accuracies(RATES)
figure = plotting.seed_strips(rates, "basic, constant", "Constant and falling learning rate")
plotting.show(figure, figure.alt)
for arm, values in rates.iterrows():
    print(f"{arm:18} {100 * np.ptp(values):.2f} points between the worst and the best seed")
print_gains(rates, [("advanced, falling", "advanced, constant")])
ahead = rates.loc["basic, constant"] > rates.loc["advanced, constant"]
print(f"basic ahead of advanced at the constant rate: {ahead.sum()} of {len(ahead)} seeds")
'''), t("scatter_read"), t("test"), code('''
results = {name: runs.finish(trained[name], dataset.test) for name in names}
tested = runs.by_seed(names, lambda stored: stored.metrics["test_accuracy"])
for name in names:
    mean, low, high = significance.seed_interval(tested.loc[name])
    print(f"{name:13} {mean:.2%} ({low:.2%} to {high:.2%}), reported {reported[name]:.2%}")
print_gains(tested, [("cnn_advanced", "cnn_basic"), ("cnn_optimum", "cnn_basic")])
'''), t("test_read"), t("disputed"), code('''
labels = dataset.test.labels
probabilities = {name: result.probabilities() for name, result in results.items()}


def caption(index):
    """Say what an image is and what each network takes it for."""
    lines = [dataset.class_names[labels[index]].upper()]
    for name in names:
        answer = probabilities[name][index]
        mark = "✓" if answer.argmax() == labels[index] else "✗"
        lines.append(f"{mark} {dataset.class_names[answer.argmax()]} {100 * answer.max():.0f} %")
    return "\\n".join(lines)
'''), md("We look for them by their answers."), code('''
answers = np.stack([probabilities[name].argmax(axis=1) for name in names])
disputed = np.flatnonzero((answers != answers[0]).any(axis=0))
tops = np.isin(np.array(dataset.class_names)[labels[disputed]], dataset.class_names[:7:2])
tops |= labels[disputed] == 0
first = disputed[:10]
figure = plotting.image_grid(
    dataset.test.images[first],
    [caption(index) for index in first],
    columns=5,
    title="Disputed test images: basic, advanced, optimum",
)
plotting.show(
    figure,
    "Ten test images about which the three networks disagree, each with its true class and the "
    "three answers.",
)
print(f"{len(disputed)} of {len(labels):,} images, {tops.mean():.0%} of them tops")
'''), t("disputed_read"), t("classes"), code('''
recall = pd.DataFrame(
    {
        name: evaluation.report(labels, probabilities[name], dataset.class_names)["recall"]
        for name in names
    }
)
figure = plotting.class_accuracy(recall)
plotting.show(
    figure,
    "Heatmap of how often each of the three versions recognises each of the ten classes; the "
    "best version of each class is bold.",
)
print((100 * recall.loc["Shirt"]).round(1).to_string())
'''), t("classes_read"), code('''
summary = pd.DataFrame(
    {"model": name, "mflops": result.mflops, **result.metrics} for name, result in results.items()
)
figure = plotting.accuracy_against(summary, "mflops", "million operations an image")
plotting.show(
    figure,
    "Test accuracy of the three versions against the operations of one prediction, with "
    "intervals and the line of those that no other beats in both.",
)
'''), t("cost_read"), code('''
for name in names[1:]:
    gain = runs.paired_gain(tested, name, "cnn_basic")
    more = results[name].mflops - results["cnn_basic"].mflops
    print(f"{name:13} {10_000 * gain.difference:+.0f} correct images, {more:+.1f} MFLOPs an image")
    if gain.low > 0:
        print(f"{'':13} {more / gain.difference / 1000:.1f} GFLOPs a further correct image")
'''), t("price_read"), t("end"), code('''
def soften(labels, classes, smoothing):
    return ...
''', "exercise"), code('''
exercises.check(
    (lambda: soften(np.array([1, 0]), 4, 0.2).shape == (2, 4), "one row for each label"),
    (lambda: np.allclose(soften(np.array([1]), 4, 0.0), [[0, 1, 0, 0]]), "0 keeps hard labels"),
    (
        lambda: np.allclose(soften(np.array([1]), 4, 0.2), [[0.05, 0.85, 0.05, 0.05]]),
        "the true class gets its even share of what is spread too",
    ),
)
''', C, "check"), t("solution1"), code('''
def rate_at(step, steps, warm_up, start, peak):
    return ...
''', "exercise"), code('''
exercises.check(
    (lambda: np.isclose(rate_at(0, 100, 20, 0.02, 0.2), 0.02), "step 0 has the starting rate"),
    (lambda: np.isclose(rate_at(10, 100, 20, 0.02, 0.2), 0.11), "half way up, half the rise"),
    (lambda: np.isclose(rate_at(20, 100, 20, 0.02, 0.2), 0.2), "after the warm-up, the peak"),
    (lambda: np.isclose(rate_at(60, 100, 20, 0.02, 0.2), 0.1), "half way down, half the peak"),
    (lambda: np.isclose(rate_at(40, 100, 20, 0.0, 1.0), 0.853553), "it falls along a cosine"),
    (lambda: np.isclose(rate_at(100, 100, 20, 0.02, 0.2), 0), "it ends at zero"),
)
''', C, "check"), t("solution2"), code('''
def interaction(small_plain, large_plain, small_regularised, large_regularised):
    return ...
''', "exercise"), code('''
exercises.check(
    (lambda: interaction(1, 2, 3, 4) == 0, "effects that add up have no interaction"),
    (lambda: interaction(1, 2, 1, 4) == 2, "size adds 1 plain and 3 regularised: 2 more"),
    (lambda: interaction(1, 4, 1, 2) == -2, "and the other way round, 2 less"),
)
''', C, "check"), t("solution3")]
build("08_cnn_three_versions", cells)
