"""Measure what distortions in training do against corruptions, over several seeds (notebook 16)."""

import json

from helpers import cost, data, evaluation, files, settings
from helpers.topics import corruptions

IMAGES = 2_500  # of the validation images, which every network sees in all 41 states


def measure(seeds, folder=None):
    """Train each arm with each seed, write its accuracies as it ends, and keep what is there.

    The file is `corruptions.FILE` in a folder of results, by default the active one. Returns it.
    Raises UserError if what is there cannot be read.
    """
    file = (folder or settings.results_folder()) / corruptions.FILE
    networks = _kept(file)
    dataset = data.load_profile()
    images, validation = data.split(dataset.train)
    share = settings.sample_size(IMAGES) / len(validation)
    seen = validation.take(data.stratified_indices(validation.labels, min(share, 1.0)))
    for seed in seeds:
        for arm in corruptions.ARMS:
            if any((known["arm"], known["seed"]) == (arm, seed) for known in networks):
                continue
            run = corruptions.train_arm(arm, images, seed)
            found = corruptions.accuracies(
                lambda pictures, model=run.model: evaluation.predict(model, pictures), seen
            )
            by_name = found.groupby("corruption", sort=False).apply(list).to_dict()
            networks.append(
                {
                    "arm": arm,
                    "seed": seed,
                    "profile": settings.profile(),
                    "recipe": run.recipe,
                    "training_seconds": round(run.training_seconds, 1),
                    "machine": cost.machine(),
                    "accuracies": by_name,
                }
            )
            content = json.dumps({"images": len(seen), "networks": networks}, indent=1)
            files.write(file, f"{content}\n".encode(), "free some space, and run it again.")
    return file


def _kept(file):
    if not file.is_file():
        return []
    try:
        return json.loads(file.read_text(encoding="utf-8"))["networks"]
    except (ValueError, KeyError) as error:
        raise settings.UserError(
            f"{file} is damaged: restore it with `git checkout -- {file}`, or delete it."
        ) from error
