losses_of_plain = plain_run.history["val_loss"]
assert turn == 2 and losses_of_plain[-1] > 2 * min(losses_of_plain), "the loss doubles"
assert np.ptp(plain_run.history["val_accuracy"][1:]) < 0.02, "and the accuracy stays"
assert cured_run.history["loss"][0] > cured_run.history["val_loss"][0], (
    "dashed above solid at first"
)
assert cured_run.history["val_loss"][-1] > min(cured_run.history["val_loss"]), "put off, not gone"
reduced = {arm: runs.paired_gain(losses, arm, "neither") for arm in losses.index[1:]}
assert all(gain.high < 0 for gain in reduced.values()), "each cure lowers the loss"
assert min(reduced, key=lambda arm: reduced[arm].difference) == "both"
raised = {arm: runs.paired_gain(accuracies, arm, "neither") for arm in accuracies.index[1:]}
assert raised["both"].low > 0 and accuracies.mean(axis=1).idxmax() == "both"
assert plain_confidence > cured_confidence + 0.1, "the plain network is too sure"
