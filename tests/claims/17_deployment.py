assert size <= 0.30 and loss <= 0.3 and time <= 2
assert deployment.agreement(probabilities["float32"], after)[0] > 0.999
assert temperature > 1, "the network is a little too sure"
packed = 1 - numbers["zipped"] / numbers["kilobytes"]
assert packed.between(0.05, 0.25).all(), "zipping takes off a tenth to a fifth"
batches = numbers["batch_median_ms"]
assert batches["dynamic"] < batches["Keras"] < batches["float32"]
assert lead[changed].max(initial=0) < 0.5, "only what stood on edge was overturned"
assert (direct & ~by_photo)[lost].all(), "all twelve were recognised before and not after"
assert -100 * change > max(loss, 0), "the path from a photograph costs more than int8"
found = [dataset.class_names[row.argmax()] for row in answers]
assert found[:3] == ["T-shirt/top", "Trouser", "Bag"], found
