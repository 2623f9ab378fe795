reference = arm_runs["none"].history
assert reference["val_loss"][-1] > min(reference["val_loss"]), "the reference overfits"
for arm in ("dropout", "augmentation"):
    assert table["gap"][arm] < table["gap"]["none"], f"{arm} narrows the gap"
assert result.metrics["validation_accuracy"] > source_accuracy, "the final recipe is better"
assert run.epoch > len(run.history["loss"]) / 2, "the best epoch lies late"
assert report["f1"].idxmin() == "Shirt", "the shirt is the hardest class"
