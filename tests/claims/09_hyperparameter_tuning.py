for name, search in searches.items():
    assert len(search.trials) == TRIALS == 14
    first, best = search.trials.loc[[1, search.best], "accuracy"]
    assert best >= first, "the search can only improve on the known values"
    assert search.values(1) == tuning.known_values(name)
    wedge = curves[name]["chosen_by"] - curves[name]["unseen"]
    assert abs(wedge.loc[1]) < 1e-9, "with one trial there is nothing to choose"
    assert wedge.min() > -1e-9, "the images that chose never judge more strictly"
assert 3 * len(tuning.known_values("ann_tuned")) > TRIALS
