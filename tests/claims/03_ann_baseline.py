import numpy as np

assert run.history["val_loss"][-1] > run.history["val_loss"][run.epoch - 1]
assert report["recall"].idxmin() == "Shirt"
confused = (matrix + matrix.T) * (1 - np.eye(10, dtype=int))
worst = {dataset.class_names[place] for place in np.unravel_index(confused.argmax(), (10, 10))}
assert worst == {"Shirt", "T-shirt/top"}, "the worst pair of all"
assert report["f1"][["Trouser", "Bag", "Sandal", "Sneaker", "Ankle boot"]].min() > 0.9
