assert cnn["test_accuracy"] > ann["test_accuracy"] and cnn["mflops"] > ann["mflops"]
assert recalls[best].idxmin() == "Shirt", "the shirt is the hardest class"
assert all_wrong.sum() > 10 * by_chance, "errors are shared"
assert gained[["Trouser", "Bag", "Sneaker", "Ankle boot", "Sandal"]].mean() < gained["Shirt"]
assert min(map(len, by_model.values())) >= 3, "every model has several seeds"
assert cochran.p_value < 0.05, "not all models are alike"
assert together < -0.3, "the more accurate are the worse calibrated"
assert cnn["parameters"] < ann["parameters"], "not with parameters"
assert real.sum() < (len(neighbours) - 1) / 2, "most steps of the ranking are not safe"
assert helped.sum() < len(tried) / 2, "most ingredients make no difference that can be seen"
