on_pixels = rivals.loc["logistic_regression":"svm_rbf"]
assert (on_pixels["test_accuracy"] > on_pixels["reported_accuracy"] - 0.01).all()
assert rivals.loc["hog_svm_rbf", "test_accuracy"] >= 0.91
assert features > 0 and kernel > 0
assert abs(table.loc["majority_class", "test_accuracy"] - 0.1) < 1e-9
assert rivals.loc["logistic_regression", "test_accuracy"] > 0.8
assert recalls.loc["Shirt"].mean() == recalls.mean(axis=1).min(), "the shirt is the hardest"
assert rivals["prediction_seconds"].idxmin() == "logistic_regression"
assert (order - by_loss).abs().max() <= 1, "no method moves by more than one place"
honest = rivals.drop(index="random_forest")["calibration_error"].max()
assert rivals.loc["random_forest", "calibration_error"] > 3 * honest, "the forest stands out"
unsteady = [result.metrics["validation_accuracy"] for result in kept]
assert max(unsteady) - min(unsteady) > 0.1, "without the penalty boosting may fail"
