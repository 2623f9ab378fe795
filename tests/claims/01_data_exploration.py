assert ink.index[0] == "Sandal" and 0.4 < (pixels == 0).mean() < 0.6
assert {"Pullover", "Coat", "Shirt"} >= set(max(pairs)[1:]), "the tops are the most alike"
assert {ink.index[-1], ink.index[-2]} == {"Pullover", "Coat"}
assert 0 < leaked < 0.02 and len(disagreeing) > 0
assert total[49] > 0.8, "a few dozen components hold most of the variance"
