assert size <= 0.30 and loss <= 0.3 and time <= 2, "the three demands"
assert deployment.agreement(probabilities["float16"], after)[0] > 0.9995
assert 0.98 < deployment.agreement(probabilities["int8"], after)[0] < 1
assert test.p_value > 0.05 and test_p > 0.05, "what int8 changes could be chance"
assert temperature > 1, "the network is a little too sure"
assert largest < 0.5, "only what stood on edge was overturned"
assert (direct & ~by_photo)[lost].all(), "all ten were recognised before and not after"
assert -100 * change > max(loss, 0), "the path from a photograph costs more than int8"
said_of = {name: outputs[f"picture: {name}"][0] for name in photographs}
classes = [dataset.class_names[values.argmax()] for values in said_of.values()]
assert classes[:3] == ["T-shirt/top", "Trouser", "Bag"], classes
strange = {name: energy(values[None])[0] < least for name, values in said_of.items()}
assert strange == {"t-shirt": False, "trousers": False, "handbag": False, "scissors": True}
assert special.softmax(said_of["scissors"]).max() > doubtful, "confidence would not warn"
unfamiliar = list(auditing.unfamiliar(chosen))
for kind in unfamiliar:
    by_confidence = special.softmax(outputs[kind], axis=1).max(axis=1) < doubtful
    assert np.mean(energies[kind] < least) > by_confidence.mean(), kind
