assert accuracies.shape == (8, 3), "eight arms, three seeds"
effects = {
    letter: runs.paired_gain(with_and_without(accuracies, letter), "with", "without")
    for letter in INGREDIENTS
}
assert effects["F"].low > 0, "the falling rate carries the accuracy"
assert effects["F"].difference > 3 * max(effects["B"].difference, effects["D"].difference)
falling = accuracies.loc[[arm for arm in accuracies.index if "F" in arm.split()]]
constant = accuracies.drop(index=falling.index)
assert falling.min().min() > constant.max().max(), "every falling run beats every constant one"
after_fall = runs.paired_gain(accuracies, "B F", "F")
at_constant = runs.paired_gain(accuracies, "B", "none")
assert after_fall.low > 0, "once the rate falls, normalisation adds something"
assert at_constant.low < 0 < at_constant.high, "at a constant rate it does not"
normalised, plain = (spans.loc[arms].mean().mean() for arms in (["B", "B D"], ["none", "D"]))
assert normalised > 1.5 * plain, "at a constant rate, normalised networks jump more"
by_loss = {
    letter: runs.paired_gain(with_and_without(losses, letter), "with", "without")
    for letter in INGREDIENTS
}
assert runs.paired_gain(losses, "B D F", "F").high < 0, "but the loss gains by the others"
assert losses.mean(axis=1).idxmin() == "B D F", "all three have the lowest loss"
assert jumps.max() > 0.3, "with statistics of many images the figures jump all the same"
assert high > 0.93, "the source's mark"
