noise = {arm: np.ptp(history["val_accuracy"][-10:]) for arm, history in histories.items()}
assert noise["none"] > 2.5 * noise["falling_rate"], "a constant rate jumps, a falling one settles"
names = [f"ann_regularized__{arm}" for arm in arms]
table = runs.by_seed(names, last_ten)
gains = {arm: runs.paired_gain(table, arm, "none") for arm in arms if arm != "none"}
assert max(gains, key=lambda arm: gains[arm].difference) == "falling_rate"
assert table.loc["falling_rate"].mean() > 0.9 > table.drop("falling_rate").mean(axis=1).max()
assert all(gains[arm].low > 0 for arm in ("falling_rate", "dropout", "leaky_relu"))
assert all(gains[arm].high < 0 for arm in ("augmentation", "batch_normalization"))
assert gains["weight_decay"].low < 0 < gains["weight_decay"].high, "nothing five seeds can show"
means = losses.mean(axis=1)
assert means.nsmallest(2).index.tolist() == ["dropout", "augmentation"]
assert means.idxmax() == "batch_normalization"
assert run.epoch > 90 and len(run.history["loss"]) == len(run.history["val_loss"])
left = {arm: runs.paired_gain(accuracies, arm, "full recipe") for arm in accuracies.index[1:]}
assert min(left, key=lambda arm: left[arm].difference) == "without_falling_rate"
assert left["without_falling_rate"].high < 0 and left["without_batch_normalization"].high < 0
idle = ("without_dropout", "without_weight_decay", "without_leaky_relu")
assert all(left[arm].low < 0 < left[arm].high for arm in idle), "nothing three seeds can show"
assert (accuracies.loc["without_augmentation"] < accuracies.loc["full recipe"]).sum() == 3
assert gain.low > 0.01, "past the baseline"
