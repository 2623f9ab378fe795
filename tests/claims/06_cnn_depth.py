assert accuracies.notna().sum(axis=1).tolist() == [5, 3, 3, 3, 5], "five seeds and three"
assert (accuracies.loc["deep"] > accuracies.loc["shallow"]).all(), "ahead on all five seeds"
assert runs.paired_gain(accuracies, "deep", "shallow").low > 0, "and beyond chance"
assert all(gain.low < 0 < gain.high for gain in gains.values()), "no fair pair shows a gain"
assert abs(gains["58 million operations"].difference) < 0.002, "level at equal operations"
assert abs(gains["8.5 million operations"].difference) < 0.002
assert (gaps.loc["deep"] > gaps.loc["shallow"]).all(), "the gap is wider on every seed"
assert gaps.loc["deep"].mean() > 1.5 * gaps.loc["shallow"].mean(), "about twice as wide"
loss = runs.paired_gain(losses, "deep", "shallow")
assert loss.difference < 0 and loss.low < 0 < loss.high, "the loss is no worse"
best = runs.paired_gain(lowest, "deep", "shallow")
assert best.high < 0 and (lowest.loc["deep"] < lowest.loc["shallow"]).all(), "at its best, lower"
assert histories["cnn_deep"]["loss"][-1] < histories["cnn_shallow"]["loss"][-1] - 0.03
assert histories["cnn_deep"]["val_loss"][-1] > histories["cnn_shallow"]["val_loss"][-1], "seed 0"
seconds = {name: np.median(history["seconds"]) for name, history in histories.items()}
assert seconds["cnn_deep"] > 2 * seconds["cnn_shallow"], "an epoch takes several times as long"
assert scores.loc["cnn_deep"].mean() > 0.92, "above the source's mark"
mean, low, high = significance.seed_interval(scores.loc["cnn_shallow"])
assert mean < 0.915 < high, "below its mark, which lies inside the interval"
assert gain.low > 0, "the gain on the test images is more than chance"
assert accuracies.loc["deep"].min() > accuracies.loc["shallow"].max(), "the worst beats the best"
