losses, last = history["val_loss"], len(history["loss"])
assert history["loss"][-1] < history["loss"][best - 1] - 0.03, "the training loss falls on"
assert abs(losses[-1] - losses[best - 1]) < 0.02, "and the validation loss does not"
assert float(before) > after, "the step by hand lowers the loss"
validation_accuracies = (ours, theirs)
assert 0.003 < abs(np.subtract(*validation_accuracies)) < 0.012, "the two runs differ visibly"
assert 0.882 < accuracies.loc["ann_baseline"].min() and mean < 0.889, "five seeds"
confused = (matrix + matrix.T) * (1 - np.eye(10, dtype=int))
worst = {dataset.class_names[place] for place in np.unravel_index(confused.argmax(), (10, 10))}
assert worst == {"Shirt", "T-shirt/top"}, "the worst pair of all"
assert matrix[6, 0] == 135 and matrix[0, 6] == 75, "as the text says"
assert report["f1"].idxmin() == "Shirt" and report["f1"].idxmax() == "Trouser"
tops = ["T-shirt/top", "Pullover", "Dress", "Coat", "Shirt"]
assert report["f1"].drop(tops).min() > 0.95 and (report["f1"][tops] < 0.85).sum() == 4
right = result.probabilities()[:18].argmax(axis=1) == dataset.test.labels[:18]
assert right.sum() == 16 and mean < 0.9221 - 0.03, "and notebook 2's best is 3 points better"
