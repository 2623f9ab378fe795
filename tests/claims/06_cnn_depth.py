assert (summary["test_accuracy"] > 0.90).all()
assert recall.idxmin().eq("Shirt").all(), "the shirt is the hardest class for all three"
assert recall.drop(index=["Shirt", "Pullover", "Coat", "T-shirt/top", "Dress"]).min().min() > 0.9
assert results["cnn_deep"].training_seconds > results["cnn_shallow"].training_seconds
assert all(min(test.only_first, test.only_second) > 50 for test in tests), "each wins alone"
