assert accuracy[4, 2] < accuracy[3, 1], "the hard pair is the harder one"
few, many = counts[0], counts[-1]
more = means.loc[hard, many] - means.loc[hard, few]
assert (more > 0).all(), "more labels help every arm on the hard pair"
turns = summary[summary["arm"] == "rotation_frozen"].set_index("labels")["accuracy"]
assert (turns < means.loc[hard, :].loc["pixels"]).all(), "frozen turns stay below the pixels"
assert means.loc[(hard, "pixels"), few] < means.loc[(easy, "pixels"), few]
assert all(run.history["val_accuracy"][-1] > 0.8 for run in pretrained.values())
assert turning.history["val_accuracy"][-1] > 0.5, "turns are told far better than by chance"
