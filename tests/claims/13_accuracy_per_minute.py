history = trained["base"].history
assert history["learning_rate"][-1] < 1e-6, "the rate has fallen to zero"
assert history["val_accuracy"][-1] > history["accuracy"][-1], "no overfitting yet"
assert gains.loc["batch_normalisation", "low"] > 0
assert gains.loc["falling_rate", "low"] > 0
smoothed, plain = scores.loc["base"], scores.loc["without_label_smoothing"]
assert scores["log_loss"].idxmin() == "without_label_smoothing"
assert plain["calibration_error"] < smoothed["calibration_error"] / 2
assert smoothed["confidence"] < smoothed["accuracy"] - 0.03, "less sure than right"
assert all(recipe.views == pipeline.MIRRORED for recipe in budgets.RECIPES.values())
assert flipped == len(seeds), "every published minute was trained with the flip"
one, five = (result.metrics["test_accuracy"] for result in bought.values())
assert 0.91 < one < five
assert reached < len(histories) / 2, "most earlier networks never get there"
for name in published.index.drop(["resnet_1min", "resnet_5min"], errors="ignore"):
    assert published.loc[name, "test_accuracy"] > one, "longer budgets beat the minute"
assert cost.parameters(tiny) < 100_000
assert rates[32, 64, 128] > rates[24, 48, 96], "the widest gets more done"
assert ahead > 0, "the third form was ahead on images held out"
