import json, sys, os
sys.path.insert(0, ".")
import numpy as np
from helpers import runs, significance
V = {}
acc = lambda s: s.history["val_accuracy"][-1]
def table(arms, m=acc): return runs.by_seed(arms, m).set_axis(arms).dropna(axis="columns")
def put(k, tab, a, b, sign=1):
    g = runs.paired_gain(tab, a, b)
    d, l, h = 100*g.difference, 100*g.low, 100*g.high
    if sign < 0: d, l, h = -d, -h, -l
    V[k], V[k+"_low"], V[k+"_high"] = d, l, h
B, L, S, A = "cnn_basic", "cnn_basic__larger", "cnn_advanced__smaller", "cnn_advanced"
sq = table([B, L, S, A])
print((100*sq).round(2).to_string())
for k, n in (("m_small_plain", B), ("m_large_plain", L), ("m_small_reg", S), ("m_large_reg", A)): V[k] = 100*sq.loc[n].mean()
put("size_plain", sq, L, B); put("size_reg", sq, A, S)
put("neg_reg_small", sq, S, B, -1); put("neg_reg_large", sq, A, L, -1)
for s in ("", "_low", "_high"): V["reg_large"+s] = V["neg_reg_large"+s]
p = table([L, "cnn_advanced__without_dropout", A]); print((100*p).round(2).to_string())
put("bn", p, "cnn_advanced__without_dropout", L); put("dropout", p, A, "cnn_advanced__without_dropout")
V["m_bn"] = 100*p.iloc[1].mean()
r = table([B+"__constant_rate", B, A+"__constant_rate", A]); print((100*r).round(2).to_string())
for k, n in (("p_basic_c", B+"__constant_rate"), ("p_basic_f", B), ("p_advanced_c", A+"__constant_rate"), ("p_advanced_f", A)): V[k] = 100*np.ptp(r.loc[n])
put("rate_basic", r, B, B+"__constant_rate"); put("rate_advanced", r, A, A+"__constant_rate")
V["crossings"] = int((r.iloc[0] > r.iloc[2]).sum())
t = table([B, A, "cnn_optimum"], lambda s: s.metrics["test_accuracy"]); print((100*t).round(2).to_string())
for k, n in (("t_basic", B), ("t_advanced", A), ("t_optimum", "cnn_optimum")):
    m, l, h = significance.seed_interval(t.loc[n]); V[k], V[k+"_low"], V[k+"_high"] = 100*m, 100*l, 100*h
put("o", t, "cnn_optimum", B); V["o_gain"] = V.pop("o"); put("a", t, A, B)
V["o_images"] = 100*V["o_gain"]; V["o_price"] = 18.237984/ (V["o_gain"]/100)/1000
bar = table(["hog_svm_rbf", B], lambda s: s.metrics["test_accuracy"]); put("bar", bar, B, "hog_svm_rbf")
for k, n in (("basic", B), ("advanced", A)):
    d = json.load(open(f"notebooks/results/{n}/seed_0.json"))["history"]; V["a_"+k], V["v_"+k] = 100*d["accuracy"][-1], 100*d["val_accuracy"][-1]
ex = "drafts/extra.json"
if os.path.exists(ex): V |= json.load(open(ex))
json.dump(V, open("drafts/values.json", "w"), indent=1)
print({k: round(v, 3) if not isinstance(v, str) else v[:40] for k, v in V.items()})
