// ONNX Runtime's own time, through its package for node: a run of fixed inputs on the CPU for each line it reads, and a
// line of JSON.
// usage: node ort_time.cjs MODEL.onnx THREADS '{"ids": ["int64", [8, 128], 24000], "x": ["float32", [1, 4]]}'
// Integers run from 0 to below the third item, floats are small; bench/ort fills its inputs alike.
const ort = require('onnxruntime-node');
const [model, threads, spec] = [process.argv[2], Number(process.argv[3]), JSON.parse(process.argv[4])];
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
  for await (const _ of require('readline').createInterface({ input: process.stdin })) {
    const began = process.hrtime.bigint(), before = process.cpuUsage();
    const out = await session.run(feeds);
    const ms = Number(process.hrtime.bigint() - began) / 1e6, used = process.cpuUsage(before);
    console.log(JSON.stringify({ ms, cpu_ms: (used.user + used.system) / 1e3, first: Array.from(out.logits.data.slice(0, 3)) }));
  }
})();
