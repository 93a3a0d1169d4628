// Pairs of a kind with limits: which features are above theirs on which rows, and what fires of them by the kind's rule.
import type { Fired, Pairs, ThresholdRule, Vectors } from '../../core/dictionaries/fast/rule.js';
import type { Kernels } from '../../runtime/kernels/kernels.js';
import type { SliceArrays } from './arrays.js';
import type { Candidates } from './candidates.js';
import type { SliceSettings } from './settings.js';

interface Around {
  readonly kernels: Kernels;
  readonly candidates: Candidates;
}

export class PairsAbove {
  readonly #settings: SliceSettings;
  readonly #arrays: SliceArrays;
  readonly #around: Around;
  #pairs = 0;
  #touched = 0;

  constructor(settings: SliceSettings, arrays: SliceArrays, around: Around) {
    this.#settings = settings;
    this.#arrays = arrays;
    this.#around = around;
  }

  /** The pairs as rules take them. */
  get view(): Pairs {
    const { touched, starts, candidateRow, candidateScore } = this.#arrays;
    return {
      ...{ count: this.#pairs, features: this.#touched, touched: touched.data, starts: starts.data },
      ...{ row: candidateRow.data, score: candidateScore.data },
    };
  }

  get vectors(): Vectors {
    const { features } = this.#settings.slice;
    return new Map([...this.#arrays.vectors].map(([name, { value }]) => [name, value.data.subarray(0, features)]));
  }

  /** Scores some features anew, of which all pairs have room, and takes what is above. */
  async find(rule: ThresholdRule, some: { readonly first: number; readonly count: number }): Promise<Fired> {
    await this.#around.candidates.findAbove(some);
    return this.take(rule);
  }

  /** Orders the candidates by feature and has the rule write their values. */
  take(rule: ThresholdRule): Fired {
    const { arrays: a, settings } = { arrays: this.#arrays, settings: this.#settings };
    const { slice } = settings;
    this.#pairs = this.#around.candidates.count;
    this.#countFeatures();
    this.#touched = this.#around.kernels.run.startsOf(
      ...[slice.features, 0, a.counts.address, a.touched.address, a.starts.address],
    );
    const weighs = rule.weighs === 'always' || (rule.weighs === 'several' && slice.decoder.length > 1);
    const norms = weighs ? this.#norms() : a.sums.data.subarray(0, this.#touched).fill(1);
    return rule.fired({ pairs: this.view, vectors: this.vectors, norms }, [
      a.value.data.subarray(0, this.#pairs),
      ...(rule.frozen ? [a.second.data.subarray(0, this.#pairs)] : []),
    ]);
  }

  #countFeatures(): void {
    const { counts, candidateFeature } = this.#arrays;
    const { first } = this.#settings.slice;
    counts.data.fill(0);
    for (let p = 0; p < this.#pairs; p++) {
      const at = (candidateFeature.data[p] as number) - first;
      counts.data[at] = (counts.data[at] as number) + 1;
    }
  }

  /** Σ_w ‖W_dec.w_i‖ of touched features. */
  #norms(): Float32Array {
    const a = this.#arrays;
    const { slice } = this.#settings;
    const sites = slice.decoder.length;
    this.#around.kernels.run.rowNorms(
      ...[this.#touched, a.touched.address, a.decoder.address, slice.writeStride],
      ...[a.bounds.address, sites, a.norms.address],
    );
    const norms = a.sums.data.subarray(0, this.#touched).fill(0);
    for (let t = 0; t < this.#touched; t++)
      for (let s = 0; s < sites; s++) norms[t] = (norms[t] as number) + (a.norms.data[t * sites + s] as number);
    return norms;
  }
}
