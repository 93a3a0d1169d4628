// Derivatives of the loss by scores and vectors of a slice, from those by its reconstructions: the first part of a step's second half.
// Those of rows of weights follow in moves.ts.
//
//   ∂z_p = g_line(p) · W_dec_i for what was chosen; by the kind's rule for what lies above a limit
import type { Pairs, Slopes, ThresholdRule, Vectors } from '../../core/dictionaries/fast/rule.js';
import type { KernelArray, Kernels } from '../../runtime/kernels/kernels.js';
import type { SliceArrays } from './arrays.js';
import type { SliceSettings } from './settings.js';

interface Above {
  readonly rule: ThresholdRule;
  readonly pairs: Pairs;
  readonly vectors: Vectors;
  readonly slope: number;
  /** Whether the dots of the pairs are there already. */
  readonly dotsGiven?: boolean;
}

/** Addresses of gradients that touched rows have besides those of their pairs: rows of two matrices, and which one each has. */
export interface GivenGradients {
  readonly encoder: number;
  readonly decoder: number;
  /** i32 [T]; below 0: none. */
  readonly places: number;
}

/** What the gradients of rows are made of, beside the arrays. */
export interface FoundSlopes {
  /** Sites whose decoder norms the sparsity term weighs by; 0: none. */
  readonly sites: number;
  readonly given: GivenGradients | null;
  /** Address of the row of x' of each pair. */
  readonly inputRow: number;
}

export class SliceSlopes {
  readonly #settings: SliceSettings;
  readonly #arrays: SliceArrays;
  readonly #kernels: Kernels;
  /** Weighs decoders by norms in this step. */
  #sites = 0;
  /** Gradients from elsewhere: of AuxK over whole rows, or of a crowd. */
  #given: GivenGradients | null = null;
  /** Row of x' of each pair. */
  #inputRow: number;

  constructor(settings: SliceSettings, arrays: SliceArrays, kernels: Kernels) {
    this.#settings = settings;
    this.#arrays = arrays;
    this.#kernels = kernels;
    this.#inputRow = arrays.inputRow.address;
  }

  /** What rows of weights are moved by. */
  get found(): FoundSlopes {
    return { sites: this.#sites, given: this.#given, inputRow: this.#inputRow };
  }

  /** Kinds that choose the largest: ∂loss/∂z = g · W_dec for every pair. @param revived dead features whose gradients are given @returns touched features */
  slopesChosen(pairs: number, revived: number): number {
    const a = this.#arrays;
    const { run } = this.#kernels;
    const { slice, batchRows, parts, kAux } = this.#settings;
    const lines = parts.lines + (kAux > 0 ? batchRows : 0);
    const touched = run.byFeature(
      ...[lines, a.offsets.address, a.rowFeature.address, slice.first, slice.features],
      revived > 0 ? a.dead.address : 0,
      ...[a.counts.address, a.touched.address, a.starts.address, a.row.address, a.source.address],
    );
    run.pick(a.rowValue.address, a.source.address, pairs, a.value.address);
    for (let p = 0; p < pairs; p++) a.inputRow.data[p] = (a.row.data[p] as number) % batchRows;
    this.#inputRow = a.inputRow.address;
    this.#dots(touched, a.row, { gradients: a.gradients.address, out: a.slopes });
    const { deadEncoderG, deadDecoderG, places } = a;
    this.#given =
      revived > 0 ? { encoder: deadEncoderG.address, decoder: deadDecoderG.address, places: places.address } : null;
    const biases = this.#clearVector('b_enc');
    for (let t = 0, d = 0; t < touched; t++) {
      const place = revived > 0 && a.dead.data[a.touched.data[t] as number] === 1 ? d++ : -1;
      if (revived > 0) places.data[t] = place;
      let sum = place < 0 ? 0 : (a.deadSums.data[place] as number);
      const end = a.starts.data[t + 1] as number;
      for (let p = a.starts.data[t] as number; p < end; p++) sum += a.slopes.data[p] as number;
      biases[a.touched.data[t] as number] = sum;
      a.sums.data[t] = sum;
    }
    this.#sites = 0;
    return touched;
  }

  /** Kinds with limits; vectors have been cleared. */
  slopesAbove({ rule, pairs, vectors, slope, dotsGiven = false }: Above): void {
    const a = this.#arrays;
    const { settings, slice, batchRows, parts } = this.#settings;
    this.#inputRow = a.candidateRow.address;
    a.row.data.set(a.candidateRow.data.subarray(0, pairs.count));
    if (!dotsGiven) this.#dots(pairs.features, a.candidateRow, { gradients: a.gradients.address, out: a.dots });
    const second = parts.lines > batchRows;
    if (second && !dotsGiven) {
      const gradients = a.gradients.address + 4 * batchRows * slice.writeStride;
      this.#dots(pairs.features, a.candidateRow, { gradients, out: a.secondDots });
    }
    const scratch = new Map([...a.vectors.keys()].map((name) => [name, new Float32Array(pairs.features)]));
    const norms = new Float32Array(pairs.features);
    const into: Slopes = { score: a.slopes.data, vectors: scratch, norms };
    const of = (first: KernelArray<Float32Array>, other: KernelArray<Float32Array>): Float32Array[] =>
      second ? [first.data, other.data] : [first.data];
    const [values, dots] = [of(a.value, a.second), of(a.dots, a.secondDots)];
    rule.slopes({ pairs, vectors, norms: a.sums.data, values, dots, slope, settings }, into);
    for (const [name, own] of scratch) {
      const g = a.vectors.get(name)?.g.data as Float32Array;
      for (let t = 0; t < pairs.features; t++) g[a.touched.data[t] as number] = own[t] as number;
    }
    for (let t = 0; t < pairs.features; t++) {
      let sum = 0;
      const end = pairs.starts[t + 1] as number;
      for (let p = pairs.starts[t] as number; p < end; p++) sum += a.slopes.data[p] as number;
      a.sums.data[t] = sum;
    }
    this.#weigh(rule, norms, pairs.features);
  }

  /** ∂loss/∂‖W_dec.w_i‖ / ‖W_dec.w_i‖, what a row's own weights are multiplied by. */
  #weigh(rule: ThresholdRule, norms: Float32Array, touched: number): void {
    const a = this.#arrays;
    const sites = this.#settings.slice.decoder.length;
    const weighs = rule.weighs === 'always' || (rule.weighs === 'several' && sites > 1);
    this.#sites = weighs ? sites : 0;
    if (!weighs) return;
    for (let t = 0; t < touched; t++)
      for (let s = 0; s < sites; s++) {
        const norm = a.norms.data[t * sites + s] as number;
        a.along.data[t * sites + s] = norm > 0 ? (norms[t] as number) / norm : 0;
      }
  }

  #dots(
    touched: number,
    row: KernelArray<Uint32Array>,
    { gradients, out }: { readonly gradients: number; readonly out: KernelArray<Float32Array> },
  ): void {
    const a = this.#arrays;
    this.#kernels.run.pairDots(
      ...[touched, a.touched.address, a.starts.address, row.address, gradients],
      ...[a.decoder.address, this.#settings.slice.writeStride, out.address],
    );
  }

  #clearVector(name: string): Float32Array {
    return (this.#arrays.vectors.get(name)?.g.data as Float32Array).fill(0);
  }

  /** Features whose value was above 0 in a reconstruction (AuxK does not count). */
  noteFired(
    { fired, firedSteps }: { readonly fired: Int32Array; readonly firedSteps: Int32Array },
    { step, touched }: { readonly step: number; readonly touched: number },
  ): void {
    const a = this.#arrays;
    const { parts } = this.#settings;
    for (let t = 0; t < touched; t++) {
      const end = a.starts.data[t + 1] as number;
      for (let p = a.starts.data[t] as number; p < end; p++) {
        if ((a.row.data[p] as number) >= parts.lines || !((a.value.data[p] as number) > 0)) continue;
        const feature = a.touched.data[t] as number;
        fired[feature] = step;
        firedSteps[feature] = (firedSteps[feature] as number) + 1;
        break;
      }
    }
  }

  /** Gradients of the rows of the features that are touched now. */
  give(given: GivenGradients | null): void {
    this.#given = given;
  }

  clearVectors(): void {
    for (const { g } of this.#arrays.vectors.values()) g.data.fill(0);
  }
}
