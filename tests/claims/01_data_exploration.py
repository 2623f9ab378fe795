assert 0.49 < (pixels == 0).mean() < 0.51, "half of all pixels are background"
best = sorted(pairs, reverse=True)[:3]
assert {name for pair in best for name in pair[1:]} == {"Pullover", "Coat", "Shirt"}
assert best[-1][0] > 0.9475, "the tops are the most alike"
close = across["similarity"] >= 0.99
assert round(close.sum() / len(test), 4) == 0.0089, "near twins are few"
assert not (close & differ).any() and (differ & (across["similarity"] >= 0.95)).sum() > 200
assert total[1] < 0.5 and total[-1] > 0.9, "detail is left"
assert torn.sum() / len(validation) < 0.02, "few twins are torn apart"
