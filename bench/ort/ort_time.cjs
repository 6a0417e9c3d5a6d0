// ONNX Runtime's own time, through its package for node: runs of fixed inputs on the CPU, one JSON line.
// usage: node ort_time.cjs MODEL.onnx THREADS RUNS '{"ids": ["int64", [8, 128], 24000], "x": ["float32", [1, 4]]}'
// Integers run from 0 to below the third item, floats are small; bench/ort fills its inputs alike.
const ort = require('onnxruntime-node');
const [model, threads, runs, spec] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4]), JSON.parse(process.argv[5])];
(async () => {
  const options = { intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: 'sequential', graphOptimizationLevel: 'all' };
  const session = await ort.InferenceSession.create(model, options);
  const feeds = {};
  for (const [name, [type, dims, below]] of Object.entries(spec)) {
    const length = dims.reduce((a, b) => a * b, 1);
    const data = type === 'int64' ? BigInt64Array.from({ length }, (_, i) => BigInt((i * 7919 + 13) % below))
      : Float32Array.from({ length }, (_, i) => ((i * 7919 + 13) % 1000) / 1000 - 0.5);
    feeds[name] = new ort.Tensor(type, data, dims);
  }
  let out = await session.run(feeds);
  const ms = [], cpu = [];
  for (let i = 0; i < runs; i++) {
    const c = process.cpuUsage(), t = process.hrtime.bigint();
    out = await session.run(feeds);
    ms.push(Number(process.hrtime.bigint() - t) / 1e6);
    const used = process.cpuUsage(c);
    cpu.push((used.user + used.system) / 1e3);
  }
  const median = list => list.sort((a, b) => a - b)[list.length >> 1];
  console.log(JSON.stringify({ ms: median(ms), cpu_ms: Math.min(...cpu), first: Array.from(out.logits.data.slice(0, 3)) }));
})();
