// Rows 3 and 5: the training step of a topk dictionary against its encoder product, in fresh processes of one run: 16,384 features
// with everything on, and 1,048,576 features with the memory that they take.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type BenchRow, meets } from '../row.js';
import { type Asked, type Measured, measure, median, productFactor } from './measure.js';

const ENTRY = fileURLToPath(import.meta.url);
const CHILD = 'dictionary-measurement';

/** Sizes of row 3, which row 4 shares. */
export const NARROW: Asked = {
  ...{ batchRows: 2048, width: 768, features: 16_384, k: 32, slices: 2, moments: 'full' },
  ...{ betas: [0.9, 0.999], dead: 0.1, steps: 9 },
};
const WIDE: Asked = {
  ...{ batchRows: 1024, width: 768, features: 1_048_576, k: 32, slices: 8, moments: 'full' },
  ...{ betas: [0, 0.999], dead: 0, steps: 3 },
};

/** Row 3. */
export async function benchStep(log: (text: string) => void): Promise<BenchRow[]> {
  const rounds: Measured[] = [];
  const quantised: Measured[] = [];
  for (let i = 0; i < 3; i++) {
    for (const [asked, kept] of [
      [NARROW, rounds],
      [{ ...NARROW, candidates: 'int8' as const, steps: 8 }, quantised],
    ] as const) {
      const found = await measureInFreshProcess(asked);
      kept.push(found);
      log(
        `${asked.candidates ?? 'exact'}: step ${found.stepMs.toFixed(0)} ms, product ${found.productMs.toFixed(0)} ms`,
      );
    }
  }
  const value = median(rounds.flatMap(({ ratios }) => ratios));
  const must = '<= 2.0';
  const conditions = `2,048 × 768 rows, 16,384 features, k 32, biases, unit norm, AuxK 384 at 10 % dead, Adam (0.9, 0.999), 2 slices, 2 threads; step ${median(rounds.map(({ stepMs }) => stepMs)).toFixed(0)} ms; median of ${rounds.length} processes`;
  return [
    {
      row: 3,
      what: 'step of topk with everything on ÷ its encoder product',
      value,
      must,
      met: meets(value, must),
      conditions,
    },
    {
      ...{ row: 3, what: 'the same with candidates in 8 bits', value: median(quantised.map(meanRatio)) },
      ...{ must: null, met: null, conditions: quantisedText(quantised) },
    },
  ];
}

/** Every fourth step is measured beside: the mean of whole rounds of four, not the median, holds what that costs. */
function meanRatio({ ratios }: Measured): number {
  return ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
}

function quantisedText(found: readonly Measured[]): string {
  const recall = Math.min(...found.map((own) => own.recall ?? NaN));
  const step = median(found.map(({ stepMs }) => stepMs));
  const processes = found.length > 1 ? `, median of ${found.length} processes` : '';
  return `the mean of all steps, of which every fourth measures recall${processes}; step ${step.toFixed(0)} ms; least recall ${(100 * recall).toFixed(3)} %`;
}

/** Row 5. */
export async function benchWide(log: (text: string) => void): Promise<BenchRow[]> {
  const found = await measureInFreshProcess(WIDE);
  const value = median(found.ratios) / productFactor(WIDE);
  const quantised = await measureInFreshProcess({ ...WIDE, candidates: 'int8', steps: 4 });
  log(`int8: step ${(quantised.stepMs / 1000).toFixed(1)} s, peak ${quantised.peakGb.toFixed(2)} GB`);
  log(`step ${(found.stepMs / 1000).toFixed(1)} s, peak ${found.peakGb.toFixed(2)} GB`);
  // Moments of rows that no step has touched are not resident yet: what is laid out is what a long training takes.
  const memory = Math.max(found.peakGb, found.laidOutGb);
  const conditions = `1,024 × 768 rows, 1,048,576 features, k 32, β1 0, a moment per weight, 8 slices, 2 threads; step ${(found.stepMs / 1000).toFixed(1)} s; peak of these steps ${found.peakGb.toFixed(2)} GB; ${(found.exchanged / 2 ** 20).toFixed(0)} MiB cross between slices in a step`;
  return [
    {
      ...{ row: 5, what: '1,048,576 features: memory, GB of 2^30', value: memory, must: '<= 16' },
      ...{ met: meets(memory, '<= 16'), conditions },
    },
    {
      ...{ row: 5, what: '1,048,576 features: step ÷ blocked encoder product', value, must: '<= 1.5' },
      ...{ met: meets(value, '<= 1.5'), conditions },
    },
    {
      ...{ row: 5, what: 'the same with candidates in 8 bits', value: meanRatio(quantised) / productFactor(WIDE) },
      ...{ must: null, met: null },
      conditions: `${quantisedText([quantised])}; peak of these steps ${quantised.peakGb.toFixed(2)} GB, laid out ${quantised.laidOutGb.toFixed(2)} GB`,
    },
  ];
}

/** Widths of the table of docs/scale.md, as powers of two. */
const SCALES = [14, 15, 16, 17, 18, 19, 20];

/** The same step from 2^14 to 2^20 features, each in a process of its own: time, memory, what crosses between slices. */
export async function benchScale(log: (text: string) => void): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const power of SCALES) {
    const features = 2 ** power;
    // Slices of at most 131,072 features, at least two.
    const asked = { ...WIDE, features, slices: Math.max(2, features / 2 ** 17), steps: power > 18 ? 3 : 6 };
    const found = await measureInFreshProcess(asked);
    const ratio = median(found.ratios) / productFactor(asked);
    const crossing = found.exchanged / 2 ** 20;
    log(
      `2^${power}: step ${found.stepMs.toFixed(0)} ms, ÷ product ${ratio.toFixed(2)}, peak ${found.peakGb.toFixed(2)} GB`,
    );
    const conditions = `1,024 × 768 rows, k 32, β1 0, a moment per weight, ${asked.slices} slices, 2 threads; first values in ${(found.beginMs / 1000).toFixed(1)} s`;
    const row = (what: string, value: number): BenchRow => ({
      ...{ row: 'scale', what: `2^${power} features: ${what}`, value, must: null, met: null, conditions },
    });
    rows.push(
      row('step, ms', found.stepMs),
      row('step ÷ blocked encoder product', ratio),
      row('peak memory of these steps, GB of 2^30', found.peakGb),
      row('memory laid out, GB', found.laidOutGb),
      row('MiB that cross between slices in a step', crossing),
    );
  }
  return rows;
}

export function measureInFreshProcess(asked: Asked): Promise<Measured> {
  const child = fork(ENTRY, [CHILD, JSON.stringify(asked)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return new Promise((resolve, reject) => {
    child.on('message', (measured) => {
      resolve(measured as Measured);
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      reject(new RangeError(`A measurement of a dictionary ended with exit code ${code ?? 'none'}.`));
    });
  });
}

if (process.argv[2] === CHILD) {
  process.send?.(await measure(JSON.parse(process.argv[3] ?? '') as Asked));
  process.disconnect();
}
