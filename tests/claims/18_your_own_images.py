assert balance["training"].min() == 139 and balance["training"].max() == 146
assert len(issues) == 0 and 0.02 < given[doubtful[0]] < 0.1
assert table["accuracy"].idxmax() == "shift" and table["accuracy"]["shift"] > 0.99
assert table["accuracy"]["svm_rbf"] > 0.99 and table["accuracy"]["logistic_regression"] < 0.96
mirrored = significance.seed_difference(accuracy.loc["shift"], accuracy.loc["shift and mirror"])
assert mirrored.difference > 0 and mirrored.low < 0, "three splits do not prove it"
assert errors == 5 and int((probabilities[worst].argmax(1) != labels[worst]).sum()) == 5
assert (test.only_first, test.only_second) == (4, 3) and test.p_value > 0.99
assert (exported.argmax(axis=1) == probabilities.argmax(axis=1)).all()
assert answer.argmax() == 7 and history["accuracy"][-1] > 0.9
