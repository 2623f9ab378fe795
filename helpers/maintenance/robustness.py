"""Measure what distortions in training do against corruptions, over several seeds (notebook 16)."""

import json

from helpers import cost, data, evaluation, files, settings
from helpers.topics import corruptions


def measure(seeds, folder=None):
    """Train each arm with each seed, write its accuracies as it ends, and keep what is there.

    The file is `corruptions.FILE` in a folder of results, by default the active one. Returns it.
    Raises UserError if what is there cannot be read.
    """
    file = (folder or settings.results_folder()) / corruptions.FILE
    networks = corruptions.networks(file)
    dataset = data.load_profile()
    images, validation = data.split(dataset.train)
    seen = corruptions.seen(validation)
    versions = corruptions.versions(seen.images)
    for seed in seeds:
        for arm in corruptions.ARMS:
            if any((known["arm"], known["seed"]) == (arm, seed) for known in networks):
                continue
            run = corruptions.train_arm(arm, images, seed)
            answers = evaluation.predict(run.model, versions)
            found = corruptions.accuracies(answers, seen.labels)
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
