// Continues texts with a model as it is and, where there are edits, with the edited one beside it: greedy, or by draws that both are
// given alike. The whole context is computed anew for every token (no cache of keys and values): edits may be anything.
//
//   greedy    t = argmax p(· | context)            sampled    t ~ p with temperature and top-k (core/language-model/next-token.ts)
//   u         one uniform number per text and step, keyed by (seed, text, step): the same for both models
// Each chosen token is told with its probability under both models after the same tokens before it (temperature 1, all tokens).
import {
  drawToken,
  mostLikely,
  requireNumbers,
  tokenProbability,
  type Sampling,
} from '../../core/language-model/next-token.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { InputError } from '../../schemas/errors.js';
import { isFeatureEdit, type ResolvedEdit } from '../../schemas/model-edits.js';
import type { EngineConfig, ModelReference } from '../../schemas/stored.js';
import { NO_EDITS } from '../edits.js';
import { resolveGiven, type GivenEdits } from '../given-edits.js';
import { openModel, type OpenedModel } from '../open-model.js';
import { sitesOnIds } from '../run-model.js';
import { fixedSizes, NextLogits } from './next-logits.js';

export interface GenerateOptions {
  /** Token ids of each text, at least one. */
  readonly texts: readonly (readonly number[])[];
  /** Tokens to add at most. */
  readonly tokens: number;
  readonly edits?: GivenEdits;
  /** Null: greedy. */
  readonly sampling: (Sampling & { readonly seed: number }) | null;
  readonly positionStart?: number | undefined;
  readonly engine: Pick<EngineConfig, 'provider' | 'threads' | 'optimisation'>;
  readonly signal: AbortSignal;
  /** Told every token as it is chosen. */
  readonly onToken?: (token: ChosenToken) => void;
}

export type Variant = 'plain' | 'edited';

export interface ChosenToken {
  readonly text: number;
  readonly variant: Variant;
  readonly id: number;
}

export interface GeneratedToken {
  readonly id: number;
  /** Under the model as it is. */
  readonly plain: number;
  /** Under the edited model; null where there are no edits. */
  readonly edited: number | null;
}

export interface Continuation {
  readonly tokens: readonly GeneratedToken[];
  /** Why no more: as many as were asked for, or the context is full. */
  readonly stop: 'tokens' | 'context';
}

export interface GeneratedText {
  readonly plain: Continuation;
  readonly edited: Continuation | null;
}

export interface Generated {
  readonly model: ModelReference;
  /** Tokens of the longest context; null where nothing limits it. */
  readonly contextTokens: number | null;
  readonly texts: readonly GeneratedText[];
  /** Tokens chosen, of both models, and the time it took. */
  readonly chosen: number;
  readonly seconds: number;
}

/** @throws InputError for a model that is not causal or has no logits, a text that fills the context, an edit that does not fit */
export async function generate(given: string, options: GenerateOptions): Promise<Generated> {
  const opened = await openModel(given);
  const { summary } = opened;
  const fixed = fixedSizes(opened).tokens;
  const limits = [summary.maxPositions, fixed].filter((limit) => limit !== null);
  const contextTokens = limits.length === 0 ? null : Math.min(...limits);
  checkTexts(options.texts, { contextTokens, opened });
  const longest = Math.max(...options.texts.map((ids) => ids.length)) + options.tokens;
  const edits = await resolveGiven(opened, options.edits, {
    length: Math.min(longest, contextTokens ?? Infinity),
    lengthName: 'tokens of text and continuation',
    batch: 1,
    runSites: sitesOnIds(opened, options),
  });
  if (fixed !== null) refuseFromEnd(edits.list, fixed);
  const models = new Map<Variant, NextLogits>();
  try {
    const load = { engine: options.engine, positionStart: options.positionStart };
    models.set('plain', await NextLogits.load(opened, { ...load, edits: NO_EDITS }));
    await requireCausal(models.get('plain') as NextLogits, options.texts[0] as readonly number[], opened);
    if (edits.list.length > 0) models.set('edited', await NextLogits.load(opened, { ...load, edits }));
    const began = performance.now();
    const run = new Run(models, { ...options, contextTokens, atOnce: !edits.list.some(countsFromEnd) });
    const texts: GeneratedText[] = [];
    for (const text of options.texts.keys()) texts.push(await run.text(text));
    const seconds = (performance.now() - began) / 1000;
    return { model: { base: summary.digest, edits: edits.list }, contextTokens, texts, chosen: run.chosen, seconds };
  } finally {
    for (const model of models.values()) await model.release();
  }
}

interface RunOptions extends GenerateOptions {
  readonly contextTokens: number | null;
  /** Whether a position's logits are those of the context that ends there: edits count from the start. */
  readonly atOnce: boolean;
}

class Run {
  readonly #models: ReadonlyMap<Variant, NextLogits>;
  readonly #options: RunOptions;
  chosen = 0;

  constructor(models: ReadonlyMap<Variant, NextLogits>, options: RunOptions) {
    this.#models = models;
    this.#options = options;
  }

  async text(text: number): Promise<GeneratedText> {
    const plain = await this.#continue(text, 'plain');
    return { plain, edited: this.#models.has('edited') ? await this.#continue(text, 'edited') : null };
  }

  async #continue(text: number, variant: Variant): Promise<Continuation> {
    const { texts, tokens, contextTokens, signal, onToken } = this.#options;
    const ids = [...(texts[text] as readonly number[])];
    const start = ids.length;
    const model = this.#models.get(variant) as NextLogits;
    const own: number[] = [];
    while (own.length < tokens && ids.length < (contextTokens ?? Infinity)) {
      signal.throwIfAborted();
      const logits = await model.next(ids);
      requireNumbers(logits, `after ${ids.length} tokens of text ${text + 1}, ${variant} model`);
      const id = this.#choose(logits, { text, step: own.length });
      own.push(tokenProbability(logits, id));
      ids.push(id);
      this.chosen++;
      onToken?.({ text, variant, id });
    }
    const other = await this.#probabilities(variant === 'plain' ? 'edited' : 'plain', ids, start);
    const generated = own.map((p, i): GeneratedToken => {
      const q = other?.[i] ?? null;
      const id = ids[start + i] as number;
      return variant === 'plain' ? { id, plain: p, edited: q } : { id, plain: q as number, edited: p };
    });
    return { tokens: generated, stop: own.length < tokens ? 'context' : 'tokens' };
  }

  #choose(logits: Float32Array, at: { readonly text: number; readonly step: number }): number {
    const { sampling } = this.#options;
    if (sampling === null) return mostLikely(logits);
    const random = new KeyedRandom('generate', sampling.seed, at.text, at.step);
    return drawToken(logits, sampling, random.nextFloat());
  }

  /** p of every token from `start` on, each after those before it; null where there is no such model. */
  async #probabilities(variant: Variant, ids: readonly number[], start: number): Promise<number[] | null> {
    const model = this.#models.get(variant);
    if (model === undefined) return null;
    const places = ids.slice(start).map((_, i) => start + i);
    const before = ids.slice(0, -1);
    const whole = this.#options.atOnce && places.length > 0 ? await model.run(before) : null;
    const found: number[] = [];
    for (const at of places) {
      const logits = whole?.[at - 1] ?? (await model.next(ids.slice(0, at)));
      requireNumbers(logits, `after ${at} tokens, ${variant} model`);
      found.push(tokenProbability(logits, ids[at] as number));
    }
    return found;
  }
}

function checkTexts(
  texts: readonly (readonly number[])[],
  { contextTokens, opened }: { readonly contextTokens: number | null; readonly opened: OpenedModel },
): void {
  const { summary, path } = opened;
  if (summary.firstId > 0)
    throw new InputError(
      `${path}: expected a model whose logits count token ids from 0, found that it takes ids from ${summary.firstId} on. Export it so that it takes the tokenizer's ids.`,
      { firstId: summary.firstId },
    );
  texts.forEach((ids, text) => {
    if (contextTokens !== null && ids.length >= contextTokens)
      throw new InputError(
        `Expected texts of fewer than ${contextTokens} tokens (what the model's context holds), found ${ids.length} in text ${text + 1}. Give a shorter one.`,
        { text, tokens: ids.length, contextTokens },
      );
    const beyond = ids.find((id) => id >= summary.vocab);
    if (beyond === undefined) return;
    throw new InputError(
      `Expected token ids below ${summary.vocab} (the rows of the model's embedding), found ${beyond} in text ${text + 1}. Give the tokenizer that belongs to the model.`,
      { text, id: beyond, vocab: summary.vocab },
    );
  });
}

/** Whether an edit's positions depend on where the context ends. */
function countsFromEnd(edit: ResolvedEdit): boolean {
  const lists = isFeatureEdit(edit) ? edit.changes.map(({ at }) => at) : [edit.at];
  return lists.some((at) => at?.some(({ from, to }) => from < 0 || (to ?? 0) < 0));
}

/** @throws InputError where the end of the graph's context is not that of the text */
function refuseFromEnd(list: readonly ResolvedEdit[], fixed: number): void {
  if (!list.some(countsFromEnd)) return;
  throw new InputError(
    `Expected positions counted from the start, because the model takes contexts of exactly ${fixed} tokens and what follows the text is filling, found some counted from the end. Write at=3: and the like, or export the model with a dynamic length.`,
    { tokens: fixed },
  );
}

/** Greatest change of a logit by a token behind it, relative to the largest logit; none is expected at all. */
const CAUSAL_TOLERANCE = 1e-3;

/** @throws InputError for a model whose earlier positions see later ones */
async function requireCausal(model: NextLogits, ids: readonly number[], { summary, path }: OpenedModel): Promise<void> {
  const before = async (last: number): Promise<Float32Array> =>
    (await model.run([...ids, last]))[ids.length - 1] as Float32Array;
  const [first, second] = [await before(0), await before(Math.floor(summary.vocab / 2))];
  const size = first.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const error = first.reduce((most, x, i) => Math.max(most, Math.abs(x - (second[i] as number))), 0);
  if (!(error > CAUSAL_TOLERANCE * size)) return;
  throw new InputError(
    `${path}: expected a causal language model, whose logits do not depend on tokens behind them, found that the last token changes those before it by ${error.toPrecision(3)}. A model that fills gaps (BERT) cannot continue a text.`,
    { path, error },
  );
}
