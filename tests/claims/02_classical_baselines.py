assert square.loc["HOG", "RBF"] == square.to_numpy().max(), "together they help most"
assert square.loc["pixels", "linear"] == square.to_numpy().min(), "and neither helps least"


def gained(arm, reference):
    return runs.paired_gain(accuracies, arm, reference)


on_planes, on_kernels = gained("hog_svm", "logistic_regression"), gained("hog_svm_rbf", "svm_rbf")
of_pixels, of_hog = gained("svm_rbf", "logistic_regression"), gained("hog_svm_rbf", "hog_svm")
assert min(gain.low for gain in (on_planes, on_kernels, of_pixels, of_hog)) > 0, "each helps"
assert on_planes.difference > of_pixels.difference, "features buy more, as a first step"
assert on_kernels.difference > of_hog.difference, "and as the second"
assert on_planes.difference > on_kernels.difference, "each is worth less after the other"
assert table["test_accuracy"].idxmax() == "hog_svm_rbf" == table["log_loss"].idxmin()
order, by_loss = table["test_accuracy"].rank(ascending=False), table["log_loss"].rank()
assert (order - by_loss).abs().max() <= 1, "nearly the same ranking"
honest = table.drop(index="random_forest")["calibration_error"].max()
assert table.loc["random_forest", "calibration_error"] > 3 * honest, "the forest stands out"
assert costs["training_seconds"].idxmax() == "random_forest"
assert set(costs["prediction_seconds"].nlargest(2).index) == {"svm_rbf", "hog_svm_rbf"}
over = {name: runs.paired_gain(bar, name, "hog_svm_rbf") for name in known[1:]}
assert over["ann_baseline"].high < 0 and over["cnn_basic"].high < 0, "below the bar"
assert over["cnn_deep"].low < 0 < over["cnn_deep"].high, "level"
assert over["cnn_optimum"].low > 0, "clears it"
