assert temperature > 1, "plain labels leave the network a little too sure"
assert evaluation.calibration_error(labels, calibrated) < 0.01
assert selected["accuracy"].iloc[len(selected) // 2] > right.mean() + 0.03
assert handed_over.idxmax() == "Shirt"
assert everything.shape == (5, 3), "five arms, three seeds"
without_noise = over(set(corruptions.NAMES) - set(noises))
for table in (everything, without_noise):
    assert runs.paired_gain(table, "noise", "plain").low > 0, "noise helps, also elsewhere"
assert everything.mean(axis=1).idxmax() == "noise"
assert all(gain.low > 0 for gain in ahead.values()), "energy is ahead for all kinds"
assert min(separated, key=lambda kind: separated[kind][0]) == "quarter turn"
shares = [np.isin(chosen, doubtful["index"]).mean() for chosen in (any_other, alike)]
assert min(shares) > 0.6, "most planted labels are found"
assert is_planted.head(each).mean() > 0.8, "the most doubtful are nearly all planted"
assert right[known].mean() > right.mean() + 0.02, "twins are easy"
boast = by_strength["confidence"] - by_strength["accuracy"]
assert boast[5] > 0.1 > abs(boast[0]), "confidence falls too slowly"
