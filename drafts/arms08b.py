from helpers import data, models, runs, training
import keras
dataset = data.load_profile()
tr, va = data.split(dataset.train)
for seed in (0, 1, 2):
    steps = 12 * (len(tr) // 64)
    run = training.train(models.build("cnn_advanced", seed=seed, dropout_rate=0.0), tr, va,
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)),
        loss="categorical_crossentropy", epochs=12, batch_size=64, arm="without_dropout", seed=seed)
    runs.finish(run, dataset.test)
    print("\nRESULT", "without_dropout", seed, run.history["val_accuracy"][-1], flush=True)
