assert square.shape == (4, 5), "four corners, five seeds"
larger = [("large, plain", "small, plain"), ("large, regularised", "small, regularised")]
regularised = [("small, regularised", "small, plain"), ("large, regularised", "large, plain")]
assert all(runs.paired_gain(square, *pair).low > 0 for pair in larger), "size helps"
assert all(runs.paired_gain(square, *pair).high < 0 for pair in regularised), "it costs"
assert parts.shape == (3, 3), "three arms, three seeds"
spans = rates.max(axis=1) - rates.min(axis=1)
for version in ("basic", "advanced"):
    assert 2 * spans[f"{version}, falling"] < spans[f"{version}, constant"], "seeds come together"
assert 0 < ahead.sum() < len(ahead), "at a constant rate the order is a lottery"
over = runs.paired_gain(tested, "cnn_optimum", "cnn_basic")
assert over.low > 0.01, "the optimum network is ahead by more than a point"
assert recall.idxmin().eq("Shirt").all() and tops.mean() > 0.5, "what is left lies among the tops"
assert 0 < len(disputed) < len(labels) / 4, "most images are easy"
