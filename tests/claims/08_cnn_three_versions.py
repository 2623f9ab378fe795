assert measured.min() > 0.89 and measured["cnn_optimum"] > 0.92
gaps = {name: run["val_loss"][-1] - run["loss"][-1] for name, run in histories.items()}
assert gaps["cnn_basic"] > gaps["cnn_advanced"], "nothing holds the basic network back"
assert recall.idxmin().eq("Shirt").all(), "what is left lies among the tops"
assert 0 < len(disputed) < len(labels) / 4, "most images are easy"
costs = summary.set_index("model")[["parameters", "mflops", "training_seconds"]]
assert list(ratios.idxmax()) == list(costs.idxmin()), "ratios favour the cheapest network"
assert costs["mflops"].idxmax() != costs["parameters"].idxmax(), "size has many meanings"
tops = ("T-shirt/top", "Pullover", "Dress", "Coat", "Shirt")
assert np.isin(np.array(dataset.class_names)[labels[disputed]], tops).mean() > 0.5
