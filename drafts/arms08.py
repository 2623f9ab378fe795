import sys, time
from helpers import data, models, runs, training, pipeline
import keras
dataset = data.load_profile()
ARMS = {
    ("cnn_basic", None): {},
    ("cnn_advanced", None): {},
    ("cnn_basic", "larger"): {"filters": (32, 64, 128), "units": 256},
    ("cnn_advanced", "smaller"): {"filters": (32, 64), "units": 64},
}
for seed in map(int, sys.argv[1:]):
    tr, va = data.split(dataset.train)
    for (name, arm), change in ARMS.items():
        epochs, batch = 12, 64
        steps = epochs * (len(tr) // batch)
        run = training.train(models.build(name, seed=seed, **change), tr, va,
            optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)),
            loss="categorical_crossentropy", epochs=epochs, batch_size=batch, arm=arm, seed=seed)
        runs.finish(run, dataset.test)
        print("\nRESULT", name, arm, seed, run.history["val_accuracy"][-1], round(run.training_seconds), flush=True)
