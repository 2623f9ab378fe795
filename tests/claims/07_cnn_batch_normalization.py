loss = histories["none"]["val_loss"]
assert loss[-1] > min(loss), "without ingredients the validation loss turns upwards"
assert summary["gap"]["dropout_alone"] < summary["gap"]["none"]
assert summary["gap"]["all_three"] < summary["gap"]["batch_normalization_alone"]
rates = histories["falling_rate_alone"]["learning_rate"]
assert rates[-1] < rates[0], "the rate fell where the network overfits"
assert scores["calibration_error"]["dropout_alone"] < scores["calibration_error"]["none"]
assert scores["test_accuracy"]["all_three"] > 0.92
