// The loss of a model over a split: its stream cut into windows of contextTokens + 1 tokens from its first token on, the
// last one of each a target only, what remains at the end left out. Mean over all targets, in float64.
import { EVALUATION, type EvaluationGraphSettings } from '../../core/language-model/evaluate-graph.js';
import type { Session, TensorValue } from '../../runtime/session.js';
import type { LanguageModelConfig } from './config.js';
import type { SplitLoss } from './messages.js';
import type { TokenStream } from './token-stream.js';
import { kernelsOf } from './trainer.js';

/** Tokens of one forward pass; the number of windows in it follows from the context alone. */
const PASS_TOKENS = 4096;
/** Most targets of a split that is measured again and again; the last measurement takes them all. */
const REPEATED_TOKENS = 2 ** 20;

/** What the evaluation graph of a model is made of. */
export function evaluationGraph({ model, engine }: LanguageModelConfig['keyed']): EvaluationGraphSettings {
  return { spec: model, context: model.contextTokens, kernels: kernelsOf(engine) };
}

export class Evaluator {
  readonly #context: number;
  readonly #session: Session;

  /** @param session over the graph of `evaluationGraph` for this configuration; not released here */
  constructor({ model }: LanguageModelConfig['keyed'], session: Session) {
    this.#context = model.contextTokens;
    this.#session = session;
  }

  /**
   * Loss and number of targets; null where the stream holds no window, or where `proceed` said to stop.
   * @param options whole: every window; else evenly spread ones of about a million targets at most
   */
  async measure(
    stream: TokenStream,
    parameters: Record<string, TensorValue>,
    options: { readonly whole: boolean; readonly proceed: () => Promise<boolean> },
  ): Promise<SplitLoss | 'stopped' | null> {
    const windows = this.#windows(stream.tokens, options.whole);
    const window = this.#context + 1;
    const perPass = Math.max(1, Math.floor(PASS_TOKENS / this.#context));
    let sum = 0;
    for (let from = 0; from < windows.length; from += perPass) {
      // Not before the first: whoever is stopped again and again still comes on.
      if (from > 0 && !(await options.proceed())) return 'stopped';
      const places = windows.subarray(from, from + perPass);
      const data = new Int32Array(places.length * window);
      places.forEach((place, i) => {
        stream.readIds(place * window, data.subarray(i * window, (i + 1) * window));
      });
      const tokens = { dtype: 'int32', dims: [places.length, window], data } as const;
      const outputs = await this.#session.run({ ...parameters, [EVALUATION.tokens]: tokens });
      for (const nats of outputs[EVALUATION.losses]?.data as Float32Array) sum += nats;
    }
    const targets = windows.length * this.#context;
    return targets === 0 ? null : { loss: sum / targets, tokens: targets };
  }

  /** Numbers of the windows that are measured. */
  #windows(tokens: number, whole: boolean): Float64Array {
    const all = Math.floor(tokens / (this.#context + 1));
    const wanted = whole ? all : Math.min(all, Math.ceil(REPEATED_TOKENS / this.#context));
    return Float64Array.from({ length: wanted }, (_, i) => Math.floor((i * all) / wanted));
  }
}
