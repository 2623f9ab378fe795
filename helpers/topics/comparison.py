"""Comparison (notebook 19): which model is best, and which differences are more than chance.

README's pictures ask the same questions of the results, and find the answers here. `results` are
sequences of `runs.Result`, as `runs.load_all(variants=True)` returns them.
"""

import json

import numpy as np
import pandas as pd
from scipy import stats

from helpers import data, evaluation, runs, settings

LEVEL = 0.05
ACCURACIES = ("validation_accuracy", "test_accuracy")
HARDEST = 18
PICTURED = settings.PUBLISHED_RESULTS / "pictures" / "images.npz"
# What a recipe may differ in between a part of the training images and all of them: the steps of
# its schedule, which the optimizer holds, and the machine's choice of precision.
OF_THE_RUN = ("optimizer", "precision")
NETWORKS_AND_RECIPES = "real: networks and recipes"
NETWORKS = "real for these networks"
REAL = (NETWORKS_AND_RECIPES, NETWORKS)
RECIPES = "recipes, on these images"
OPPOSITE = "these networks: opposite"
OPEN = "may be chance"
# Arms named by what they lack, and what that is.
NAMED_BY_WHAT_THEY_LACK = {"untuned": "tuning", "hard_labels": "a teacher's probabilities"}


def by_model(results):
    """Return a dictionary from each model's name to its results, in their order."""
    found = {}
    for result in results:
        found.setdefault(result.model, []).append(result)
    return found


def validation_accuracy(results):
    """Return the validation accuracy by which each model may be chosen, mean over seeds, by model.

    A model that was trained on all training images has no validation images left. Where an arm of
    it was trained by the same recipe on a part of them, the arm's accuracy speaks for the recipe.
    NaN where nothing can.
    """
    models = by_model(_models(results))
    arms = [result for result in results if result.variant_of is not None]
    found = {}
    for name, members in models.items():
        judged = members
        if not _has_validation(members[0]):
            judged = [arm for arm in arms if _speaks_for(arm, members[0])]
        accuracies = [result.metrics["validation_accuracy"] for result in judged]
        found[name] = float(np.mean(accuracies)) if accuracies else np.nan
    return pd.Series(found, dtype=float)


def best(results):
    """Return the model with the highest validation accuracy, or raise UserError if none has one."""
    accuracies = validation_accuracy(results).dropna()
    if accuracies.empty:
        raise settings.UserError(
            "No result has a validation accuracy to choose by: run a notebook that makes one."
        )
    return accuracies.idxmax()


def on_processor(results):
    """Return the names of the models of which no run used an accelerator: their times compare."""
    return [
        name
        for name, members in by_model(results).items()
        if all(member.machine.get("accelerator") is None for member in members)
    ]


def neighbours(results):
    """Compare each model of the ranking by test accuracy with the next one below it.

    Two comparisons, as there are two kinds of chance. The networks with the lowest seed are
    compared image by image: bootstrap interval of the difference, exact McNemar test. Where both
    models have two seeds in common or more, the recipes are compared seed by seed. The p-values of
    either kind are corrected after Holm for all neighbours.

    Returns a table by model, the most accurate first: its mean `accuracy` over seeds; and for all
    but the last `gain`, by which that exceeds the next model's; `network`, the difference of the
    two networks, with `low`, `high` and `p_value`; `seeds`, how many are common, and with two or
    more of them `recipe`, the mean difference, with `recipe_low`, `recipe_high` and
    `recipe_p_value`; and the `verdict` in words. Raises UserError if the results were not judged by
    the same images.
    """
    models = by_model(results)
    accuracies = {
        name: {member.seed: member.metrics["test_accuracy"] for member in members}
        for name, members in models.items()
    }
    means = pd.Series({name: np.mean(list(found.values())) for name, found in accuracies.items()})
    table = means.sort_values(ascending=False, kind="stable").to_frame("accuracy")
    labels = common_labels(results)
    first = {name: members[0].probabilities() for name, members in models.items()}
    rows = []
    for name, following in zip(table.index[:-1], table.index[1:], strict=True):
        rows.append(
            {"gain": means[name] - means[following]}
            | _between_networks(labels, first[name], first[following])
            | _between_recipes(accuracies[name], accuracies[following])
        )
    compared = pd.DataFrame(rows, table.index[:-1], _COMPARED)
    for key in ("p_value", "recipe_p_value"):
        known = compared[key].notna()
        compared.loc[known, key] = evaluation.holm(compared.loc[known, key].astype(float))
    compared["verdict"] = [verdict(row) for row in compared.to_dict("records")]
    return table.join(compared)


def verdict(row):
    """Say in words what a row of `neighbours` shows."""
    networks = np.sign(row["network"]) * (row["p_value"] < LEVEL)
    recipes = np.sign(row["recipe"]) * (row["recipe_p_value"] < LEVEL)
    if networks < 0 or recipes < 0:
        return OPPOSITE
    if networks > 0:
        return NETWORKS_AND_RECIPES if recipes > 0 else NETWORKS
    return RECIPES if recipes > 0 else OPEN


def common_labels(results):
    """Return the test labels by which all results were judged; UserError if they differ."""
    if not results:
        raise settings.UserError("There is no result yet: run notebooks 03 to 08.")
    labels = results[0].labels()
    for result in results:
        if not np.array_equal(result.labels(), labels):
            raise settings.UserError(
                f"{result.file} was not judged by the same test images as {results[0].file}: an "
                "image-by-image comparison means nothing; run the notebook of one of them again."
            )
    return labels


def ingredients(results):
    """Return what each ingredient that the series tested alone changed.

    Which arms are compared follows from their names: `with_` and `without_` an ingredient with the
    model itself, other arms with the arm `none` beside them, and `untuned` or `hard_labels` with
    the model that has what they lack.

    Returns a table with a row per ingredient: `model`, `ingredient`, `gain` in accuracy over
    validation and test images together of the network that has it, its 95 % interval `low`, `high`,
    and the `p_value`, corrected after Holm. Of arms only accuracies are kept, so the two networks
    are compared as if each had seen images of its own.
    """
    members, rows = by_model(results), []
    for first, *_ in members.values():
        pair = _pair(first, members) if first.variant_of else None
        if pair is not None:
            rows.append((first.variant_of, _ingredient(first), *_unpaired(*pair, _sizes(results))))
    columns = ["model", "ingredient", "gain", "low", "high", "p_value"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(p_value=evaluation.holm(table["p_value"]))


def hardest(labels, probabilities, count=HARDEST):
    """Return indices of the images that most models get wrong, the surest errors first.

    By the number of models that are wrong, then by the mean probability that they leave for the
    true class, of which there is an array (N, classes) a model. What all get right is left out.
    """
    given = np.stack([np.asarray(each) for each in probabilities])
    wrong = (given.argmax(axis=2) != labels).sum(axis=0)
    of_truth = given[:, np.arange(len(labels)), labels].mean(axis=0)
    order = np.lexsort((of_truth, -wrong))
    return order[wrong[order] > 0][:count]


def test_images(indices, labels, dataset):
    """Return some of the test images that the results were judged by.

    Where the test images of `dataset`, that of the profile, are others, those kept with the
    published results are returned, and what is not among them is looked for as `data.load` does.
    Raises UserError if the images cannot be had.
    """
    indices = np.asarray(indices, int)
    if not np.array_equal(labels, dataset.test.labels):
        kept = _kept_images(indices)
        if kept is not None:
            return kept
        dataset = data.load()
    if not np.array_equal(labels, dataset.test.labels):
        raise settings.UserError(
            "The results were judged by other test images than those of this data set: run the "
            "notebooks that made them again."
        )
    return dataset.test.images[indices]


test_images.__test__ = False  # not a test, whatever its name makes pytest think

_COMPARED = (
    *("gain", "network", "low", "high", "p_value"),
    *("seeds", "recipe", "recipe_low", "recipe_high", "recipe_p_value"),
)


def _kept_images(indices):
    """Return test images from those that are kept with the published results, or None."""
    if not PICTURED.exists():
        return None
    with np.load(PICTURED) as kept:
        known = kept["indices"].astype(int)
        if not np.isin(indices, known).all():
            return None
        return kept["images"][np.searchsorted(known, indices)]


def _between_networks(labels, first, second):
    difference = evaluation.bootstrap_difference(labels, first, second)
    return {
        "network": difference.difference,
        "low": difference.low,
        "high": difference.high,
        "p_value": evaluation.mcnemar(labels, first, second).p_value,
    }


def _between_recipes(first, second):
    common = first.keys() & second.keys()
    if len(common) < 2:
        unknown = dict.fromkeys(("recipe", "recipe_low", "recipe_high", "recipe_p_value"), np.nan)
        return {"seeds": len(common)} | unknown
    found = evaluation.seed_difference(first, second)
    return {
        "seeds": len(found.seeds),
        "recipe": found.difference,
        "recipe_low": found.low,
        "recipe_high": found.high,
        "recipe_p_value": found.p_value,
    }


def _speaks_for(arm, model):
    """Say whether an arm is the model's own recipe, trained on a part of its images."""
    return (
        arm.variant_of == model.model
        and arm.trained_on < model.trained_on
        and _has_validation(arm)
        and _without_the_run(arm.recipe) == _without_the_run(model.recipe)
    )


def _without_the_run(recipe):
    kept = {key: recipe[key] for key in sorted(recipe.keys() - set(OF_THE_RUN))}
    return json.dumps(kept, sort_keys=True)


def _sizes(results):
    """Return the numbers of validation and test images; the first from those learned from.

    A split leaves a quarter as many validation images as it leaves to learn from.
    """
    trained_on = [each.trained_on for each in results if _has_validation(each)]
    return max(trained_on, default=0) // 4, len(common_labels(_models(results)))


def _unpaired(first, second, sizes):
    """Return the difference of two networks' accuracies, its 95 % interval and its p-value."""
    rates = [
        np.average([each.metrics[key] for key in ACCURACIES], weights=sizes)
        for each in (first, second)
    ]
    gain = rates[0] - rates[1]
    error = np.sqrt(sum(rate * (1 - rate) for rate in rates) / sum(sizes))
    chance = 2 * stats.norm.sf(abs(gain) / error) if gain else 1.0
    half = stats.norm.ppf(0.975) * error
    return gain, gain - half, gain + half, chance


def _models(results):
    return [result for result in results if result.variant_of is None]


def _has_validation(result):
    return not np.isnan(result.metrics["validation_accuracy"])


def _pair(arm, members):
    """Return the results of what has an arm's ingredient and of what lacks it, or None."""
    model, word = arm.variant_of, _arm(arm)
    own, whole, none = arm.model, model, f"{model}{runs.VARIANT_MARK}none"
    if word.startswith("with_"):
        names = own, whole
    elif word.startswith("without_") or word in NAMED_BY_WHAT_THEY_LACK:
        names = whole, own
    else:
        names = own, none
    known = [members[name][0] for name in names if name in members]
    alike = len(known) == 2 and own != none and known[0].trained_on == known[1].trained_on
    return known if alike and all(map(_has_validation, known)) else None


def _arm(result):
    return result.model.removeprefix(f"{result.variant_of}{runs.VARIANT_MARK}")


def _ingredient(result):
    words = NAMED_BY_WHAT_THEY_LACK.get(_arm(result), _arm(result))
    return words.removeprefix("with_").removeprefix("without_").replace("_", " ")
