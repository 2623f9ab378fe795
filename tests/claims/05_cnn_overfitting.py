plain, cured = plain_run.history, cured_run.history
gaps = {arm: run.history["val_loss"][-1] - run.history["loss"][-1] for arm, run in arm_runs.items()}
assert turn < EPOCHS and val_loss[-1] > 1.1 * min(val_loss), "the validation loss turned"
assert plain["accuracy"][-1] > cured["accuracy"][-1], "training accuracy is the price"
assert cured["loss"][0] > cured["val_loss"][0], "dropout weighs on the training loss at first"
assert max(gaps, key=gaps.get) == "cnn_plain", "the plain network has the widest gap"
assert min(gaps, key=gaps.get) == "cnn_dropout", "both cures together have the narrowest"
assert lower and plain_confidence > cured_confidence, "the plain network is too sure"
errors = [results[name].metrics["calibration_error"] for name in ("cnn_plain", "cnn_dropout")]
assert errors[0] > errors[1], "and worse calibrated"
assert table["seconds"]["cnn_dropout"] < table["seconds"]["cnn_plain"], "pooling saves time"
