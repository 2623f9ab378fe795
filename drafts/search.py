"""Search recipes and networks on one GPU: many small trainings at once, one CUDA stream each."""
import collections, json, math, os, sys, time
import numpy as np
import torch
import torch.nn.functional as F

T0 = time.time()
HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.environ.get("OUT", "/tmp")
CUDA = torch.cuda.is_available()
DEV = "cuda" if CUDA else "cpu"
HALF = torch.bfloat16
torch.backends.cuda.matmul.allow_tf32 = True
torch.backends.cudnn.allow_tf32 = True
torch.backends.cudnn.benchmark = False
NS = (3.4445, -4.7750, 2.0315)

z = np.load(f"{HERE}/data.npz")
_vi = z["vi"]
_ti = np.setdiff1d(np.arange(len(z["y"])), _vi)
LIMIT = int(os.environ.get("LIMIT", 0))
if LIMIT:
    _ti, _vi = _ti[:LIMIT], _vi[:1000]
X = torch.tensor(z["x"][_ti]).to(DEV)
Y = torch.tensor(z["y"][_ti].astype(np.int64)).to(DEV)
XV = torch.tensor(z["x"][_vi]).to(DEV)
YV = torch.tensor(z["y"][_vi].astype(np.int64)).to(DEV)
N = len(X)
pixels = z["x"][_ti][:1000].astype(np.float32) / 255.0
_p = np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), axis=(1, 2)).reshape(-1, 9)
_p = _p - _p.mean(0)
_var, _comp = np.linalg.eigh(_p.T @ _p / len(_p))
WHITE = (_comp / np.sqrt(_var + 1e-4))[:, ::-1]


def arch(filters, blocks, first=None, pools=None, act="relu", head="max", stem=3):
    """conv(first) then per stage a (pooled) conv and residual blocks; blocks[0] before any pool."""
    return dict(filters=list(filters), blocks=list(blocks), act=act, head=head)


ARCHS = {
    "S": arch((16, 32, 64), (0, 1, 1)),
    "S-avg": arch((16, 32, 64), (0, 1, 1), head="avg"),
    "S-gelu": arch((16, 32, 64), (0, 1, 1), act="gelu"),
    "S-silu": arch((16, 32, 64), (0, 1, 1), act="silu"),
    "S1.5": arch((24, 48, 96), (0, 1, 1)),
    "S011+": arch((16, 32, 64, 128), (0, 1, 1, 1)),
    "W": arch((32, 64, 128), (0, 1, 1)),
    "H": arch((32, 64, 128), (1, 1, 1)),
    "W4": arch((32, 64, 128, 256), (0, 1, 1, 1)),
    "D2": arch((32, 64, 128), (1, 2, 2)),
    "X1.5": arch((48, 96, 192), (0, 1, 1)),
    "X": arch((64, 128, 256), (0, 1, 1)),
    "XH": arch((64, 128, 256), (1, 1, 1)),
    "XD": arch((64, 128, 256), (1, 2, 2)),
    "AB1": arch((16, 64, 128, 256), (0, 1, 1, 1)),
    "AB2": arch((16, 96, 192, 384), (0, 1, 1, 1)),
    "AB3": arch((32, 128, 256, 512), (0, 1, 1, 1)),
    "AB3b": arch((32, 128, 256, 512), (0, 2, 2, 1)),
    "tiny": arch((16, 32, 48), (2, 1, 1)),
    "tinyB": arch((16, 32, 64), (1, 1, 0)),
    "tinyD": arch((16, 32, 40), (2, 2, 1)),
    "tinyG": arch((16, 32, 48), (3, 1, 1)),
    "tinyH": arch((16, 24, 32), (2, 2, 2)),
    "tinyF": arch((24, 24, 40), (2, 2, 1)),
}


def layers(a):
    """Return the convolutions as (in, out, side of the image), and the order they are applied in."""
    convs, plan, side, c = [], [], 28, 1

    def conv(o, pool=False):
        nonlocal c, side
        convs.append((c, o, side))
        c = o
        if pool:
            side //= 2
        return len(convs) - 1

    for s, (f, b) in enumerate(zip(a["filters"], a["blocks"])):
        plan.append(("conv", conv(f, s > 0), s > 0))
        for _ in range(b):
            plan.append(("res", conv(f), conv(f)))
    return convs, plan


def flops(a):
    convs, _ = layers(a)
    return 2 * sum(9 * i * o * s * s for i, o, s in convs) + 20 * a["filters"][-1]


def parameters(a):
    convs, _ = layers(a)
    return sum(9 * i * o + 2 * o for i, o, _ in convs) + 10 * a["filters"][-1] + 10


DEFAULT = dict(arch="S", epochs=13, bs=256, peak=0.07, ratio=2.0, mom=0.9, smooth=0.1, left=0.7,
               rise=0.25, floor=0.0, wd=0.0, ema=(), white=False, flip="rand", shift=1, cutout=0,
               erase=False, cutmix=0.0, bright=0.0, teacher=None, whole=0.15)


class Engine:
    """One network with its optimizer as one captured step; used again for every run of its form."""

    def __init__(self, name, bs, decays):
        self.key = (name, bs, tuple(decays))
        self.a, self.bs, self.decays = ARCHS[name], bs, tuple(decays)
        self.convs, self.plan = layers(self.a)
        self.stream = torch.cuda.Stream() if CUDA else None
        self.graph = None
        L = len(self.convs)
        Fm = max(o for _, o, _ in self.convs)
        R = max(9 * i for i, _, _ in self.convs)
        z = lambda *s, dtype=torch.float32: torch.zeros(*s, dtype=dtype, device=DEV)
        self.P, self.M, self.G = z(L, Fm, R), z(L, Fm, R), z(L, Fm, R)
        self.Pb = z(L, Fm, R, dtype=HALF)
        self.root = torch.tensor([o ** 0.5 for _, o, _ in self.convs], device=DEV)[:, None, None]
        self.free = torch.ones(L, 1, 1, device=DEV)  # 0: this convolution is not trained
        sizes = [o for _, o, _ in self.convs for _ in range(2)] + [10 * self.a["filters"][-1], 10]
        self.V, self.MV = z(sum(sizes)), z(sum(sizes))
        self.offsets = np.cumsum([0] + sizes)
        self.rm = [z(o) for _, o, _ in self.convs]
        self.rv = [z(o) for _, o, _ in self.convs]
        self.W = self.weights(self.Pb)
        self.Gv = self.weights(self.G)
        self.Vs = self.vectors(self.V)
        for t in self.W + self.Vs:
            t.requires_grad_()
        self.EP = [z(L, Fm, R) for _ in decays]
        self.EV = [z(sum(sizes)) for _ in decays]
        self.step_no, self.pos = z(1), torch.zeros(1, dtype=torch.int64, device=DEV)
        self.hp = z(8)  # peak, top, steps, momentum, ratio, wd, floor
        self.range = torch.arange(bs, device=DEV)
        self.XA = z(N, 28, 28, dtype=HALF)
        self.T, self.WT = z(N, 10), z(N)
        self.LM = torch.zeros(N, dtype=torch.bool, device=DEV)
        self.ID = torch.zeros(N, dtype=torch.int64, device=DEV)
        self.losses = z(N)

    def weights(self, buffer):
        return [buffer[n, :o, : 9 * i].view(o, 3, 3, i).permute(0, 3, 1, 2).detach()
                for n, (i, o, _) in enumerate(self.convs)]

    def vectors(self, flat):
        parts = [flat[a:b].detach() for a, b in zip(self.offsets[:-1], self.offsets[1:])]
        parts[-2] = parts[-2].view(10, -1).detach()
        return parts

    def forward(self, x, W, V, training, momentum=0.1, stats=None):
        rm, rv = stats or (self.rm, self.rv)
        act = {"relu": F.relu, "gelu": F.gelu, "silu": F.silu}[self.a["act"]]

        def cbr(x, n, pool=False):
            x = F.conv2d(x, W[n], padding=1)
            if pool:
                x = F.max_pool2d(x, 2)
            return act(F.batch_norm(x, rm[n], rv[n], V[2 * n], V[2 * n + 1], training, momentum, 1e-3))

        for kind, n, m in self.plan:
            x = cbr(x, n, m) if kind == "conv" else x + cbr(cbr(x, n), m)
        x = x.float()
        x = x.amax((2, 3)) / 8 if self.a["head"] == "max" else x.mean((2, 3))
        return F.linear(x, V[-2], V[-1])

    def step(self):
        rows = self.pos + self.range
        x = self.XA.index_select(0, rows).unsqueeze(1).contiguous(memory_format=torch.channels_last)
        targets, w = self.T.index_select(0, rows), self.WT.index_select(0, rows)
        ids = self.ID.index_select(0, rows)
        self.Pb.copy_(self.P)
        logits = self.forward(x, self.W, self.Vs, True)
        per = -(targets * F.log_softmax(logits, 1)).sum(1)
        loss = (per * w).mean()
        grads = torch.autograd.grad(loss, self.W + self.Vs)
        with torch.no_grad():
            old = self.losses.index_select(0, ids)
            self.losses.index_copy_(0, ids, torch.where(self.LM.index_select(0, rows), per, old))
            L = len(self.convs)
            for g, t in zip(grads[:L], self.Gv):
                t.copy_(g)
            gv = torch.cat([g.reshape(-1) for g in grads[L:]])
            peak, top, steps, mom, ratio, wd, floor, _ = self.hp.unbind()
            s = self.step_no
            lr = peak * torch.clamp(
                torch.minimum(s / top, floor + (1 - floor) * (steps - s) / (steps - top)), min=0.0)
            self.M.mul_(mom).add_(self.G)
            u = self.G + mom * self.M
            u = u / (u.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
            for _ in range(5):
                gram = torch.bmm(u, u.transpose(1, 2))
                c = torch.baddbmm(gram, gram, gram, beta=NS[1], alpha=NS[2])
                u = torch.baddbmm(u, c, u, beta=NS[0])
            scale = self.root / (self.P.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
            scale = scale * self.free + (1 - self.free)
            self.P.mul_(scale).sub_((lr * self.free) * u)
            gv = gv + wd * self.V
            self.MV.mul_(mom).add_(gv)
            self.V.sub_(lr * ratio * (gv + mom * self.MV))
            for d, ep, ev in zip(self.decays, self.EP, self.EV):
                ep.lerp_(self.P, 1 - d)
                ev.lerp_(self.V, 1 - d)
            self.step_no.add_(1)
            self.pos.add_(self.bs)

    def start(self, c, seed):
        g = np.random.default_rng(1000 + seed)
        self.P.zero_()
        for n, (i, o, _) in enumerate(self.convs):
            limit = math.sqrt(6 / (9 * (i + o)))
            w = g.uniform(-limit, limit, (o, 9 * i)).astype(np.float32)
            if n == 0 and c["white"]:
                k = min(o // 2, 9)
                w[:k], w[k:2 * k] = WHITE[:, :k].T, -WHITE[:, :k].T
            self.P[n, :o, : 9 * i] = torch.tensor(w)
        self.free.fill_(1)
        if c["white"]:
            self.free[0] = 0
        v = np.concatenate([np.r_[np.ones(o), np.zeros(o)] for _, o, _ in self.convs])
        f = self.a["filters"][-1]
        limit = math.sqrt(6 / (f + 10))
        v = np.r_[v, g.uniform(-limit, limit, 10 * f), np.zeros(10)].astype(np.float32)
        self.V.copy_(torch.tensor(v))
        for m, s in zip(self.rm, self.rv):
            m.zero_(), s.fill_(1)
        for t in (self.M, self.MV, self.step_no, self.pos):
            t.zero_()
        self.losses.fill_(1)
        for ep, ev in zip(self.EP, self.EV):
            ep.copy_(self.P), ev.copy_(self.V)
        self.G.zero_()
        steps = c["epochs"] * (N // c["bs"])
        self.hp.copy_(torch.tensor([c["peak"], c["rise"] * steps, steps, c["mom"], c["ratio"],
                                    c["wd"], c["floor"], 0], dtype=torch.float32))
        return steps

    def capture(self):
        if self.graph is not None or not CUDA:
            return
        keep = [t.clone() for t in (self.P, self.V, self.losses, self.hp)]
        keep_stats = [t.clone() for t in self.rm + self.rv]
        for _ in range(2):
            self.step()
        self.stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        graph.capture_begin(capture_error_mode="thread_local")
        self.step()
        graph.capture_end()
        self.graph = graph
        for t, k in zip((self.P, self.V, self.losses, self.hp), keep):
            t.copy_(k)
        for t, k in zip(self.rm + self.rv, keep_stats):
            t.copy_(k)
        for t in (self.M, self.MV, self.step_no, self.pos):
            t.zero_()
        for ep, ev in zip(self.EP, self.EV):
            ep.copy_(self.P), ev.copy_(self.V)

    @torch.no_grad()
    def predict(self, images, W, V, stats=None, batch=4000):
        images = images.unsqueeze(1)
        return torch.cat([self.forward(images[n:n + batch].contiguous(memory_format=torch.channels_last),
                                       W, V, False, stats=stats) for n in range(0, len(images), batch)])


def augment(c, idx, gen, number, bits):
    """Return the distorted images of a pass, their targets, and which of them are not mixed."""
    n = len(idx)
    rand = lambda *s: torch.rand(*s, device=DEV, generator=gen)
    x = X[idx]
    if c["flip"] == "rand":
        x = torch.where((rand(n) < 0.5)[:, None, None], x.flip(2), x)
    elif c["flip"] == "alt":
        x = torch.where(((bits[idx] + number) % 2 == 1)[:, None, None], x.flip(2), x)
    s = c["shift"]
    ar = torch.arange(28, device=DEV)
    if s:
        o = (rand(2, n) * (2 * s + 1)).long().clamp(max=2 * s)
        rows, cols = o[0][:, None] + ar, o[1][:, None] + ar
        flat = (rows[:, :, None] * (28 + 2 * s) + cols[:, None, :]).view(n, -1)
        x = F.pad(x, (s, s, s, s)).view(n, -1).gather(1, flat).view(n, 28, 28)
    if c["bright"]:
        f = 1 + c["bright"] * (2 * rand(n) - 1)
        x = (x.float() * f[:, None, None]).clamp(0, 255).to(torch.uint8)
    if c["cutout"]:
        k = c["cutout"]
        first = (rand(2, n) * 28).long() - k // 2
        hide = [(ar >= first[d][:, None]) & (ar < first[d][:, None] + k) for d in (0, 1)]
        x = x.masked_fill(hide[0][:, :, None] & hide[1][:, None, :], 0)

    def within(centres, lengths):
        return (ar + 0.5 - centres[:, None]).abs() <= lengths[:, None] / 2

    if c["erase"]:
        d = rand(5, n)
        share, ratio = 0.02 + d[0] * 0.23, 3.0 ** (2 * d[1] - 1)
        hide = (within(d[2] * 28, (share * ratio).sqrt() * 28)[:, :, None]
                & within(d[3] * 28, (share / ratio).sqrt() * 28)[:, None, :] & (d[4] < 0.5)[:, None, None])
        noise = torch.randint(0, 256, x.shape, device=DEV, generator=gen, dtype=torch.uint8)
        x = torch.where(hide, noise, x)
    t = F.one_hot(Y[idx], 10).float()
    plain = torch.ones(n, dtype=torch.bool, device=DEV)
    if c["cutmix"]:
        d = rand(4, n)
        side = d[0].sqrt() * 28
        mixed = d[3] < c["cutmix"]
        box = within(d[1] * 28, side)[:, :, None] & within(d[2] * 28, side)[:, None, :] & mixed[:, None, None]
        other = torch.randperm(n, device=DEV, generator=gen)
        w = 1 - box.float().mean((1, 2))
        x = torch.where(box, x[other], x)
        t = t * w[:, None] + t[other] * (1 - w)[:, None]
        plain = ~mixed
    t = t * (1 - c["smooth"]) + c["smooth"] / 10
    return x.to(HALF) / 255, t, plain


VIEWS = [(m, d, r) for m in (0, 1) for d, r in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))]
SETS = {"plain": [0], "mirror": [0, 5], "ud3": [0, 1, 2], "mirror_ud": [0, 1, 2, 5, 6, 7],
        "mirror_lr": [0, 3, 4, 5, 8, 9], "all10": list(range(10))}
XVF = XV.to(HALF) / 255
VIEWED = []
for m, d, r in VIEWS:
    p = F.pad(XVF.flip(2) if m else XVF, (1, 1, 1, 1))
    VIEWED.append(p[:, 1 - d:29 - d, 1 - r:29 - r].contiguous())
if CUDA:
    torch.cuda.synchronize()


@torch.no_grad()
def judged(e, W, V, stats=None):
    probs = [e.predict(v, W, V, stats).softmax(1) for v in VIEWED]
    scores, kept = {}, {}
    for name, chosen in SETS.items():
        p = sum(probs[k] for k in chosen) / len(chosen)
        scores[name] = (p.argmax(1) == YV).float().mean()
        kept[name] = p
        if name in ("plain", "mirror", "mirror_ud"):
            scores["nll_" + name] = -p.gather(1, YV[:, None]).clamp(min=1e-7).log().mean()
    return scores, kept


TEACHERS = {}


class Teacher:
    def __init__(self, e):
        self.e = e
        self.W = [w.detach().clone() for w in e.W]
        self.V = [v.detach().clone() for v in e.Vs]
        self.stats = ([t.clone() for t in e.rm], [t.clone() for t in e.rv])
        if CUDA:
            torch.cuda.synchronize()

    def __call__(self, x):
        return self.e.predict(x, self.W, self.V, self.stats, 2000).softmax(1)


def training(e, c, seed, result):
    """A generator that trains; it yields True when it has put work on the GPU, else False."""
    ctx = torch.cuda.stream(e.stream) if CUDA else torch.no_grad()
    step = (lambda: e.graph.replay()) if CUDA else e.step

    def inside(f):
        if CUDA:
            with torch.cuda.stream(e.stream):
                return f()
        return f()

    total = inside(lambda: e.start(c, seed))
    inside(e.capture)
    start = time.time()
    gen = torch.Generator(DEV).manual_seed(seed)
    nb = inside(lambda: torch.randint(0, 2, (N,), device=DEV, generator=gen))
    done, number = 0, 0
    pin = torch.zeros(1, dtype=torch.int64)
    pin = pin.pin_memory() if CUDA else pin
    pending = collections.deque()

    @torch.no_grad()
    def select(share):
        easy = e.losses < e.losses.mean()
        ne = easy.sum()
        kept = ne - (share * ne).round().long()
        r = torch.rand(N, device=DEV, generator=gen)
        order = torch.argsort(r + 2 * easy)
        count = N - ne + kept
        wt = torch.where(easy, ne / kept.clamp(min=1), torch.ones_like(r))
        pin.copy_(count.view(1), non_blocking=True)
        return order, wt

    @torch.no_grad()
    def fill(order, wt, count):
        ids = order[:count]
        ids = ids[torch.randperm(count, device=DEV, generator=gen)]
        x, t, plain = augment(c, ids, gen, number, nb)
        if c["teacher"]:
            soft = sum(teacher(x) for teacher in TEACHERS[c["teacher"]]) / len(TEACHERS[c["teacher"]])
            t = soft
        e.XA[:count], e.T[:count], e.WT[:count] = x, t, wt[ids]
        e.LM[:count], e.ID[:count] = plain, ids
        e.pos.zero_()

    def mark():
        if not CUDA:
            return None
        event = torch.cuda.Event()
        event.record(e.stream)
        return event

    while done < total:
        share = c["left"] if done < (1 - c["whole"]) * total else 0.0
        order, wt = inside(lambda: select(share))
        event = mark()
        while event is not None and not event.query():
            yield False
        count = int(pin[0])
        inside(lambda: fill(order, wt, count))
        number += 1
        steps = min(count // c["bs"], total - done)
        for n in range(steps):
            inside(step)
            done += 1
            if n % 16 == 15:
                pending.append(mark())
                yield True
                while CUDA and len(pending) > 2 and not pending[0].query():
                    yield False
                if len(pending) > 2:
                    pending.popleft()

    def finish():
        scores, kept = judged(e, e.W, e.Vs)
        more = {}
        if c["ema"]:
            for label, P, V in [("last", e.P, e.V)] + [(str(d), p, v) for d, p, v in zip(e.decays, e.EP, e.EV)]:
                W, Vs = e.weights(P.to(HALF)), e.vectors(V)
                for t in e.rm + e.rv:
                    t.zero_()
                ids = torch.randperm(N, device=DEV, generator=gen)[:40000]
                x = augment(c, ids, gen, number, nb)[0].unsqueeze(1)
                with torch.no_grad():
                    for n in range(0, len(ids) - 999, 1000):
                        e.forward(x[n:n + 1000].contiguous(memory_format=torch.channels_last), W, Vs, True,
                                  1 / (n // 1000 + 1))
                more[label] = judged(e, W, Vs)[0]
        return scores, kept, more

    with torch.no_grad():
        e.Pb.copy_(e.P) if not CUDA else inside(lambda: e.Pb.copy_(e.P))
        scores, kept, more = inside(finish)
    event = mark()
    while event is not None and not event.query():
        yield False
    result["scores"] = {k: round(float(v), 5) for k, v in scores.items()}
    if more:
        result["averaged"] = {k: {n: round(float(v), 5) for n, v in s.items() if n in ("plain", "mirror", "mirror_ud")}
                              for k, s in more.items()}
    result["seconds"] = round(time.time() - start, 2)
    result["passes"] = number
    result["kept"] = kept


class Search:
    def __init__(self, deadline, slots):
        self.deadline, self.slots = deadline, slots
        self.engines = collections.defaultdict(list)
        self.results, self.pace = [], {}
        self.file = open(f"{OUT}/results.jsonl", "a")
        self.probs = open(f"{OUT}/probs.bin", "ab")
        self.saved = 0

    def log(self, *words):
        print(f"[{time.time() - T0:6.1f}]", *words, flush=True)

    def run(self, jobs, weight=lambda c: 1, report=True):
        """Run jobs (label, changes, seed, extra) in order; skip what would not end in time."""
        jobs, live = list(jobs), []
        while jobs or live:
            while jobs:
                label, changes, seed, extra = jobs[0]
                c = {**DEFAULT, **changes}
                if live and sum(l[5] for l in live) + weight(c) > self.slots:
                    break
                jobs.pop(0)
                a = ARCHS[c["arch"]]
                work = 3 * flops(a) * c["epochs"] * (N // c["bs"]) * c["bs"]
                pace = self.pace.get(c["arch"], 0.0)
                need = work * pace * 0.9
                if time.time() + need + 2 > self.deadline:
                    self.log(f"skipped {label} seed {seed}: would need {need:.0f} s")
                    continue
                if c["teacher"] and not TEACHERS.get(c["teacher"]):
                    continue
                key = (c["arch"], c["bs"], tuple(c["ema"]))
                pool = self.engines[key]
                if pool:
                    e = pool.pop()
                else:
                    e = Engine(*key)
                    if CUDA:
                        torch.cuda.current_stream().synchronize()
                result = dict(label=label, seed=seed, changes=changes, pflop=work / 1e15,
                              parameters=parameters(a), mflops=flops(a) / 1e6)
                live.append([training(e, c, seed, result), e, result, extra, time.time(), weight(c), work, c])
            busy = False
            for item in list(live):
                generator, e, result, extra, began, _, work, c = item
                try:
                    busy |= bool(next(generator))
                except StopIteration:
                    busy = True
                    live.remove(item)
                    kept = result.pop("kept")
                    self.pace[c["arch"]] = max(result["seconds"] / work, 0.5 * self.pace.get(c["arch"], 0))
                    if "save" in extra:
                        self.probs.write(kept["mirror_ud"].half().cpu().numpy().tobytes())
                        self.probs.flush()
                        result["saved"] = self.saved
                        self.saved += 1
                    if "teach" in extra:
                        TEACHERS.setdefault(extra["teach"], []).append(Teacher(e))
                    else:
                        self.engines[e.key].append(e)
                    result["at"] = round(time.time() - T0, 1)
                    self.results.append(result)
                    self.file.write(json.dumps(result) + "\n")
                    self.file.flush()
                    if extra.get("print"):
                        s = result["scores"]
                        self.log(f"{result['label']} seed {result['seed']}: plain {100*s['plain']:.2f} mirror "
                                 f"{100*s['mirror']:.2f} ud {100*s['mirror_ud']:.2f}, {result['pflop']:.3f} PFLOP, {result['seconds']} s")
            if time.time() > self.deadline:
                self.log(f"deadline: {len(live)} runs unfinished, {len(jobs)} never started: "
                         f"{[(l[2]['label'], l[2]['seed']) for l in live]}")
                return False
            if not busy:
                time.sleep(2e-5)
        return True

    def free_engines(self):
        self.engines.clear()
        if CUDA:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()


T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 10: 2.262}


def table(results, base, key="mirror", labels=None):
    by = collections.defaultdict(dict)
    for r in results:
        by[r["label"]][r["seed"]] = r
    rows = []
    for label, runs in by.items():
        if labels and label not in labels:
            continue
        acc = [100 * r["scores"][key] for r in runs.values()]
        common = sorted(set(runs) & set(by.get(base, {})))
        diff = [100 * (runs[s]["scores"][key] - by[base][s]["scores"][key]) for s in common]
        half = T95.get(len(diff), 2.776) * np.std(diff, ddof=1) / len(diff) ** 0.5 if len(diff) > 1 else float("nan")
        rows.append((label, len(acc), np.mean(acc), np.mean(diff) if diff else float("nan"), half,
                     np.mean([r["pflop"] for r in runs.values()]), np.mean([r["seconds"] for r in runs.values()])))
    return rows


def show(rows):
    for r in rows:
        print(f"{r[0]:28} n={r[1]} {r[2]:6.2f}  {r[3]:+5.2f} ± {r[4]:4.2f}  {r[5]:6.3f} PFLOP {r[6]:6.1f} s", flush=True)
