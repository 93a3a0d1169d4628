// Writes rows of SynthSAEBench-16k to files, so that peers train and are measured on the same bytes as `assay sae bench`.
// Development only: `node dist/bench/truth/export-rows.js DIR --samples N --test-samples M [--true-features N] [--width D]`.
//
//   fit.f32             float32 [N, d], in the order in which `sae bench` trains on them
//   truth.safetensors   directions [n, d]; test rows `test` [M, d], their true features `offsets` int32 [M + 1], `feature` int32
import { mkdir, open, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { encodeSafetensors, safeTensor } from '../../core/tensor/safetensors.js';
import { benchSettings } from '../../pipeline/bench/settings.js';
import { buildSource } from '../../pipeline/bench/source.js';
import { createMultiplier } from '../../runtime/multiply.js';

const CHUNK_ROWS = 4096;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    samples: { type: 'string', default: '1000000' },
    'test-samples': { type: 'string', default: '100000' },
    'true-features': { type: 'string' },
    width: { type: 'string' },
  },
});
const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
const folder = positionals[0] ?? '.';
await mkdir(folder, { recursive: true });
const { generator, sae, testRows } = benchSettings({
  ...{ generator: 'synth-16k', architecture: 'topk', kind: {}, samples: Number(values.samples) },
  ...{ testSamples: Number(values['test-samples']), width: number(values.width) },
  trueFeatures: number(values['true-features']),
});
const multiplier = await createMultiplier({ provider: 'cpu', threads: os.availableParallelism(), optimisation: 'all' });
const source = await buildSource({
  ...{ generator, multiply: multiplier.multiply, folder, signal: new AbortController().signal },
  say: () => undefined,
});
const rows = Math.floor(sae.tokens / sae.batchRows) * sae.batchRows;
const file = await open(path.join(folder, 'fit.f32'), 'w');
for (let from = 0; from < rows; from += CHUNK_ROWS)
  await file.writeFile(new Uint8Array((await source.draw('fit', from, Math.min(CHUNK_ROWS, rows - from))).rows.buffer));
await file.close();
const { rows: test, firings } = await source.draw('test', 0, testRows);
const { data, rows: features, columns: width } = source.directions;
const chunks = encodeSafetensors(
  new Map([
    ['directions', safeTensor(data, [features, width])],
    ['test', safeTensor(test, [testRows, width])],
    ['offsets', safeTensor(Int32Array.from(firings.offsets), [testRows + 1])],
    ['feature', safeTensor(Int32Array.from(firings.feature), [firings.feature.length])],
  ]),
  {},
);
await writeFile(path.join(folder, 'truth.safetensors'), Buffer.concat([...chunks]));
await multiplier.release();
console.log(`${rows} rows to train on and ${testRows} to measure on, width ${width}, in ${folder}`);
