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
for arm, name in (resembles | {"noise": "gaussian_noise"}).items():
    gain = runs.paired_gain(over([name]), arm, "plain")
    held = gain.low < 0 < gain.high if arm == "cutout" else gain.low > 0
    assert held, "each helps against its like, but for the black square"
assert runs.paired_gain(over(["clean"]), "noise", "plain").high < 0, "at a price on clean images"
assert runs.paired_gain(everything, "cutout", "plain").high < 0, "the black square costs"
ranks = pd.DataFrame({name: [each.iloc[0], each.iloc[1:].mean()] for name, each in found.items()})
assert ranks.loc[0, shipped.NAME] == ranks.loc[0].max(), "the best one on clean images"
assert ranks.loc[1, "noise"] == ranks.loc[1].max(), "is not the best one on spoiled images"
assert right[in_doubt].mean() < right.mean()
assert right[control].mean() > right.mean(), "twins that were not learned are easy too"
