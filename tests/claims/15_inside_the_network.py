for kind, (share, chance) in kinds.items():
    low, high = explaining.interval(share)[1:]
    assert low < chance < high, f"the share of {kind} cannot be told from chance"
means = {key: flags.mean() for key, flags in probed.items()}
assert means["last hidden layer", "trained"] > means["last hidden layer", "untrained"] + 0.1
assert means["last hidden layer", "untrained"] < means["pixels", "untrained"], "below the pixels"
early = means["convolution 1", "trained"] - means["convolution 1", "untrained"]
assert early < 0.025, "random first filters do nearly as well"
rises = [means[stage, "trained"] for stage in ["pixels", *layers]]
assert rises == sorted(rises), "it rises at every station"
assert same["last hidden layer"].mean() > same["pixels"].mean() + 0.1
assert counts.max() == 1, "one place of each map has a slope"
assert np.allclose(by_cam, by_place) is False
for name in METHODS:
    found = explaining.interval(areas["random"] - areas[name])
    assert found[1] > 0, f"{name} beats the random order"
assert explaining.interval(areas["brightness"] - areas["occlusion"])[1] > 0
assert explaining.interval(areas["brightness"] - areas["Grad-CAM"])[1] < 0.01, "not clearly"
restrained = chances["with restraints"].argmax(axis=1)
assert (restrained == np.arange(10)).sum() >= 8
assert chances["climb alone"].diagonal().mean() > 0.9, "noise of which it is sure"
