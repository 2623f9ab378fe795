assert temperature > 1, "plain labels leave the network a little too sure"
assert evaluation.calibration_error(dataset.test.labels, calibrated) < 0.015
assert best < area < chance
assert selected["accuracy"].iloc[len(selected) // 2] > right.mean() + 0.03
everywhere, without, clean = (gains[gains["group"] == group] for group in groups)
assert everywhere.loc["noise", "low"] > 0 and without.loc["noise", "low"] > 0
assert everywhere["gain"].drop("noise").max() < everywhere.loc["noise", "gain"] / 2
assert -clean.loc["noise", "gain"] < everywhere.loc["noise", "gain"] / 2
assert all(against_own[arm][1] > 0 for arm in ("flip_and_shift", "cutmix", "noise"))
assert max(against_own, key=lambda arm: against_own[arm][0]) == "noise"
assert against_own["cutmix"][0] > against_own["cutout"][0] + 0.02
ahead = summary.loc[shipped.NAME] - summary.loc["cnn_basic"]
assert ahead["clean"] > 0.02 and ahead["corrupted"] < 0
assert summary.loc[shipped.NAME, "clean"] > summary["clean"].max() - 0.01
assert right[doubtful].mean() < right.mean()
assert boast > 0.1, "at the greatest strength confidence has not fallen as accuracy has"
assert shares.idxmax() == "Shirt"
assert right[known].mean() > right.mean() + 0.02, "twins are easy"
assert low < 0 < high and high * known.mean() < 0.005, "no sign of memory, and little room"
assert (areas["energy"] > areas["probability"]).all(), "energy is ahead for all kinds"
assert against_own["cutout"][2] < 0, "the black square did harm against the grey one"
assert (everywhere["high"].drop("noise") < 0).all(), "the other three lose on average"
