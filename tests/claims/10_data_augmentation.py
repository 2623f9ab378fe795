assert gap["none"] > gap["flip_and_shift"], "distortions close the gap"
assert scores["training"]["none"] > 0.95, "without distortions much is learned by heart"
assert gains["gain"].max() > 0
on_test = {arm: results[arm].metrics["test_accuracy"] for arm in trained}
assert max(on_test, key=on_test.get) == "shift_1_pixel", "not the winner by validation"
for arm in ("mixup", "cutmix"):
    assert on_test[arm] - on_test["none"] < gains["gain"][arm] / 2, "less than half is kept"
assert control.history["accuracy"][-1] > control.history["val_accuracy"][-1] + 0.02
assert all(by_amount[column].is_monotonic_increasing for column in ("with", "without"))
assert max(added.values()) < np.median(final.history["seconds"]), "the cost is small"
assert cost.flops(network) < 30e6
assert results["all_distorted"].metrics["test_accuracy"] > 0.92
