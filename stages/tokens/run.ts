// The tokens stage: fetches a shard's documents and the tokenizer, and has a compute child tokenise them.
import { readFile } from 'node:fs/promises';
import { regexPatterns } from '../../core/corpus/tokenizer/patterns.js';
import { DataError } from '../../schemas/errors.js';
import type { TokensConfig, TokensInputs } from './config.js';
import type { ChildOutput, StageRun } from '../stage.js';
import type { TokensRequest } from './task.js';

export const runTokens: StageRun<TokensConfig, TokensInputs> = async (item, config, context) => {
  const { cache, children, signal, spool } = context;
  const key = item.keys[0] ?? '';
  const stored = config.aux.tokenizer;
  const request: TokensRequest = {
    sources: await Promise.all((item.aux.objects ?? []).map((o) => cache.fetch(o, signal))),
    tokenizer: { path: await cache.fetch(stored, signal), sha256: stored.sha256 },
    key,
    config: config.keyed,
    inputs: item.inputs,
    shard: item.shard,
    spool,
  };
  const onProgress = (value: unknown): void => context.progress(value as { tokens: number });
  const { files, statistics } = await children
    .call<ChildOutput>('tokens', request, { signal, onProgress })
    .catch(async (error: unknown) => {
      throw await withPatterns(error, request);
    });
  return { finished: true, outputs: [{ key, files, statistics, engine: null }] };
};

/** A hang while text is tokenised is most likely one of the tokenizer's own patterns: they are named. */
async function withPatterns(error: unknown, { tokenizer, shard }: TokensRequest): Promise<unknown> {
  if (!(error instanceof DataError) || error.details['noProgressSeconds'] === undefined) return error;
  const patterns = regexPatterns(await readFile(tokenizer.path));
  const text =
    patterns.length === 0
      ? error.message
      : `Shard ${shard}: ${error.message} The tokenizer.json has ${patterns.length === 1 ? 'the pattern' : 'the patterns'} ${patterns.map((one) => JSON.stringify(one)).join(', ')}, which may take for ever on this text; replace it by one without nested repetition.`;
  return new DataError(text, { ...error.details, shard, patterns }, { cause: error });
}
