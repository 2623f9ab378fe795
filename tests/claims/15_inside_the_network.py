assert directions == 9, "the filters lose nothing of their window"
last = probed["last hidden layer", "trained"].mean()
assert last > probed["pixels", "trained"].mean()
assert last > probed["last hidden layer", "untrained"].mean() + 0.1
assert probed["last hidden layer", "untrained"].mean() < probed["pixels", "untrained"].mean()
learned = {
    stage: probed[stage, "trained"].mean() - probed[stage, "untrained"].mean() for stage in stages
}
assert learned["convolution 1"] < 0.025, "random first filters do nearly as well"
assert learned["block 2"] > learned["convolution 1"], "more is learned later"
assert shares["last hidden layer"].mean() > shares["pixels"].mean()
for method in methods:
    assert explaining.interval(areas["random"] - areas[method])[1] > 0
assert explaining.interval(areas["brightness"] - areas["occlusion"])[1] > 0
assert len(set(groups["right"])) == len(groups["right"]), "no right answer serves twice"
assert changed["right"].mean() > 0.5, "most right answers hang by the same thread"
restrained = chances["with restraints"].argmax(axis=1)
assert (restrained == np.arange(10)).sum() >= 8
assert chances["climb alone"].max(axis=1).mean() > 0.9, "noise of which it is sure"
