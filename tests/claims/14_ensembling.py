assert difference < 1e-6, "the ambiguity decomposition is exact"
assert gains.loc["ensemble_seeds", "low"] > 0
assert (split["ensemble"] < split["members"]).all()
assert typical(itertools.combinations(by_seed, 2)) > 0.3, "hard images are hard for everybody"
soup = rows["soup of seeds"]["accuracy"]
assert soup < single.loc[by_seed, "accuracy"].min() - 0.01, "different basins"
assert lines["two seeds"][1][2] < min(lines["two seeds"][1][0], lines["two seeds"][1][-1])
assert scores.loc["ensemble_seeds", "log_loss"] < scores.loc["one member", "log_loss"]
assert cost.parameters(soft_run.model) < 150_000
assert all(lead[1] < 0 < lead[2] for lead in leads.values()), "hardly told from one hour"
assert 0.1 < gain < 0.25 and low > 0, "a lead of about a sixth of a point, again and again"
assert shared["the members of three hours"] > 0.5, "most errors are shared"
assert shared["the members of three hours"] > shared["four of the seeds above"]
assert ahead[1] < 0 < ahead[2], "twice as long is not told from the ensemble of seeds"
