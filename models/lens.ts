// The logit lens as a session: rows of stream directions in, the tokens whose logits each raises and lowers most out. The model's
// own final norm and unembedding do it, whatever their form; that they are linear is checked by numbers before the first answer.
import { spliceSites } from '../core/hooks/splice.js';
import { findUnembedding, type Unembedding } from '../core/hooks/unembedding.js';
import { GraphBuilder } from '../core/onnx/builder.js';
import type { SessionSettings } from '../runtime/session.js';
import { DataError } from '../schemas/errors.js';
import { makeFeeds } from './feeds.js';
import { applyEdits, mappedFiles, type ModelEdits } from './apply-edits.js';
import {
  editable,
  loadModel,
  prepareModel,
  readModel,
  type ModelPlace,
  type ModelSession,
  type ReadModel,
} from './model-session.js';

/** Tokens shown on either side. */
export const PROMOTED = 10;

const INPUTS = { rows: 'lens.rows', base: 'lens.base' } as const;
const OUTPUTS = {
  logits: 'lens.logits',
  raised: 'lens.raised',
  raisedToken: 'lens.raised_token',
  lowered: 'lens.lowered',
  loweredToken: 'lens.lowered_token',
} as const;
/** How far the rows of the linearity check lie from each other, and what float16 rounds at most. */
const STRETCH = 64;
const TOLERANCE = 5e-3;

/** One product: nothing to fuse but the casts of stored weights. */
const LEVEL = 'basic';

export interface LensPlace {
  readonly place: ModelPlace;
  readonly edits: ModelEdits;
  readonly engine: Pick<SessionSettings, 'provider' | 'threads'>;
  /** Rows of one pass: no more than the model's longest context. */
  readonly batchRows: number;
}

/** Tokens and logits per unit, [rows, tokens] each. */
export interface Promoted {
  readonly tokens: number;
  readonly raised: { readonly token: Float64Array; readonly value: Float32Array };
  readonly lowered: { readonly token: Float64Array; readonly value: Float32Array };
}

export class Lens {
  readonly batchRows: number;
  readonly width: number;
  readonly #model: ModelSession;
  readonly #base: Float32Array;
  readonly #tokens: number;
  readonly #centred: boolean;

  private constructor(
    model: ModelSession,
    of: Pick<Lens, 'batchRows' | 'width'> & { readonly base: Float32Array; readonly centred: boolean },
  ) {
    this.batchRows = of.batchRows;
    this.width = of.width;
    this.#model = model;
    this.#base = of.base;
    this.#centred = of.centred;
    this.#tokens = Math.min(PROMOTED, of.base.length);
  }

  /**
   * The lens of a model; a sentence where its structure has none that is certain.
   * @param probe a row of the decoder, for the check
   * @throws InputError and ResourceError as for any model
   */
  static async open(of: LensPlace, probe: Float32Array): Promise<Lens | string> {
    const read = editable(await readModel(of.place), of.edits);
    const found = findUnembedding(read.model, read.resolved);
    if (typeof found === 'string') return found;
    for (const tensor of found.tensors) {
      const model = await loadModel(await prepareLens({ read, found, tensor }, of), {
        ...of.engine,
        optimisation: LEVEL,
      });
      const { centred } = found;
      const base = await linearBase(model, { probe: centred ? centre(probe, probe.length) : probe, ...of, ...found });
      if (base !== null) return new Lens(model, { batchRows: of.batchRows, width: probe.length, base, centred });
      await model.release();
    }
    return 'what lies between the final norm and the logits is not linear';
  }

  /** @param rows [n, width], n at most batchRows, not centred */
  async promote(rows: Float32Array): Promise<Promoted> {
    const count = rows.length / this.width;
    const values = await this.#model.session.run(
      feeds(this.#model, {
        rows: this.#centred ? centre(rows, this.width) : rows,
        base: this.#base,
        batchRows: this.batchRows,
        width: this.width,
      }),
      [OUTPUTS.raised, OUTPUTS.raisedToken, OUTPUTS.lowered, OUTPUTS.loweredToken],
    );
    const cut = count * this.#tokens;
    const side = (value: string, token: string): Promoted['raised'] => ({
      value: (values[value]?.data as Float32Array).subarray(0, cut),
      token: Float64Array.from((values[token]?.data as BigInt64Array).subarray(0, cut), Number),
    });
    const [raised, lowered] = [side(OUTPUTS.raised, OUTPUTS.raisedToken), side(OUTPUTS.lowered, OUTPUTS.loweredToken)];
    if (![...raised.value, ...lowered.value].every(Number.isFinite))
      throw new DataError(
        'Expected finite logits of every decoder row, found NaN or infinity; the dictionary or the model holds such values.',
      );
    return { tokens: this.#tokens, raised, lowered };
  }

  release(): Promise<void> {
    return this.#model.release();
  }
}

interface Found {
  readonly read: ReadModel;
  readonly found: Unembedding;
  readonly tensor: string;
}

/**
 * 1. Edits as the run has them. 2. The site's value is replaced by the fed rows. 3. Of the logits less
 * those of a row of zeros, the greatest and the smallest with their tokens.
 */
async function prepareLens(
  { read, found, tensor }: Found,
  { place, edits, batchRows }: LensPlace,
): Promise<Awaited<ReturnType<typeof prepareModel>>> {
  const { site, vocabulary } = found;
  const edited = edits.list.length > 0 ? applyEdits(read.model, read.resolved.sites, edits) : read.model;
  const width = site.sizes.at(-1) as number;
  const spliced = spliceSites(edited, [
    {
      site,
      edit: (g, value) => {
        const rows = g.input(INPUTS.rows, 'float32', [1, batchRows, width]);
        return value.dtype === 'float32' ? g.op('Identity', [rows]) : g.op('CastLike', [rows, value]);
      },
    },
  ]);
  const g = GraphBuilder.over(spliced);
  const made = g.value(tensor);
  const floats = made.dtype === 'float32' ? made : g.op('Cast', [made], { attributes: { to: 1 } });
  // In whatever axes the model has them, a row's logits stand together.
  const logits = g.op('Identity', [floats], { name: OUTPUTS.logits });
  const above = g.op('Sub', [logits, g.input(INPUTS.base, 'float32', [vocabulary])]);
  const k = g.integers(Math.min(PROMOTED, vocabulary));
  for (const [largest, outputs] of [
    [1, [OUTPUTS.raised, OUTPUTS.raisedToken]],
    [0, [OUTPUTS.lowered, OUTPUTS.loweredToken]],
  ] as const)
    g.ops('TopK', [above, k], { outputs, attributes: { axis: -1, largest } });
  const mapped = { ...place, external: [...place.external, ...mappedFiles(edits)] };
  return prepareModel(mapped, [], {
    read: { ...read, model: g.toModel() },
    extra: Object.values(OUTPUTS),
    added: Object.values(INPUTS),
    positionStart: 0,
  });
}

/** Rows less their means. */
function centre(rows: Float32Array, width: number): Float32Array {
  const centred = new Float32Array(rows.length);
  for (let start = 0; start < rows.length; start += width) {
    let sum = 0;
    for (let i = start; i < start + width; i++) sum += rows[i] as number;
    for (let i = start; i < start + width; i++) centred[i] = (rows[i] as number) - sum / width;
  }
  return centred;
}

interface Fed {
  readonly rows: Float32Array;
  readonly base: Float32Array;
  readonly batchRows: number;
  readonly width: number;
}

function feeds(model: ModelSession, { rows, base, batchRows, width }: Fed): ReturnType<typeof makeFeeds> {
  const full = batchRows * width;
  const data = rows.length === full ? rows : new Float32Array(full);
  if (data !== rows) data.set(rows);
  return {
    // Shapes may come from the token ids; their values reach nothing.
    ...makeFeeds(model.inputs, { ids: new Uint32Array(batchRows), length: batchRows }),
    [INPUTS.rows]: { dtype: 'float32', dims: [1, batchRows, width], data },
    [INPUTS.base]: { dtype: 'float32', dims: [base.length], data: base },
  };
}

interface Checked extends Pick<Unembedding, 'vocabulary'> {
  readonly probe: Float32Array;
  readonly batchRows: number;
}

/** The logits of a row of zeros; null where those of other rows are not linear beside them. */
async function linearBase(
  model: ModelSession,
  { probe, batchRows, vocabulary }: Checked,
): Promise<Float32Array | null> {
  const width = probe.length;
  const rows = new Float32Array(3 * width);
  rows.set(probe, width);
  rows.set(
    probe.map((value) => STRETCH * value),
    2 * width,
  );
  const zero = new Float32Array(vocabulary);
  const run = await model.session.run(feeds(model, { rows, base: zero, batchRows, width }), [OUTPUTS.logits]);
  const logits = run[OUTPUTS.logits]?.data as Float32Array;
  const base = logits.slice(0, vocabulary);
  let [greatest, error] = [0, 0];
  for (let t = 0; t < vocabulary; t++) {
    const one = (logits[vocabulary + t] as number) - (base[t] as number);
    const far = (logits[2 * vocabulary + t] as number) - (base[t] as number);
    greatest = Math.max(greatest, Math.abs(far));
    error = Math.max(error, Math.abs(far - STRETCH * one));
  }
  return error <= TOLERANCE * greatest ? base : null;
}
