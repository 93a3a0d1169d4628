// Asks ONNX Runtime whether it can run a model: loads the part that the sites need and runs one context. Finds unsupported
// operators, too short position tables without a visible limit, and sites whose width is not what the structure told.
import type { TensorValue } from '../../runtime/session.js';
import { InputError } from '../../schemas/errors.js';
import type { EngineConfig } from '../configs.js';
import { makeFeeds } from './feeds.js';
import { loadModel, prepareModel } from './model-session.js';
import type { OpenedModel } from './open-model.js';

export interface ProbeOptions {
  readonly sites: readonly string[];
  /** Tokens of the one context. */
  readonly contextTokens: number;
  readonly engine: Pick<EngineConfig, 'provider' | 'threads' | 'optimisation'>;
}

/**
 * Resolves where the model runs and every site has the width that its structure tells.
 * @throws InputError with what ORT or the outputs say; ResourceError where memory or the provider is missing
 */
export async function probeModel(
  opened: Pick<OpenedModel, 'path' | 'summary'>,
  options: ProbeOptions,
): Promise<void> {
  const { path, summary } = opened;
  const [, ...external] = summary.files;
  const prepared = await prepareModel({ onnx: path, external }, options.sites);
  const model = await loadModel(prepared, options.engine).catch((error: unknown) => {
    throw inFile(path, error);
  });
  try {
    const feeds = makeFeeds(
      model.inputs,
      new Uint32Array(options.contextTokens),
      options.contextTokens,
    );
    let values: Record<string, TensorValue>;
    try {
      values = await model.session.run(feeds, [...new Set(model.outputs)]);
    } catch (error) {
      throw cannotRun(path, options.contextTokens, error);
    }
    model.sites.forEach(({ name, width }, i) => {
      const dims = values[model.outputs[i] ?? '']?.dims ?? [];
      if (dims.at(-1) === width) return;
      throw new InputError(
        `${path}: expected site ${name} to be ${width} wide as the embedding tells, the model gives [${dims.join(', ')}]. This structure is not supported.`,
        { path, site: name, width, dims },
      );
    });
  } finally {
    await model.release();
  }
}

function inFile(path: string, error: unknown): unknown {
  if (!(error instanceof InputError)) return error;
  return new InputError(`${path}: ${error.message}`, { ...error.details, path }, { cause: error });
}

function cannotRun(path: string, contextTokens: number, error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'DataError') return error;
  return new InputError(
    `${path}: a context of ${contextTokens} tokens fails: ${error.message} Lower model.contextTokens, or export the model anew.`,
    { path, contextTokens },
    { cause: error },
  );
}
