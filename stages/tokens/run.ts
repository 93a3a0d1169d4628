// The tokens stage: fetches a shard's documents and the tokenizer, and has a compute child tokenise them.
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
  const { files, statistics } = await children.call<ChildOutput>('tokens', request, {
    signal,
    onProgress: (value) => {
      context.progress(value as { tokens: number });
    },
  });
  return { finished: true, outputs: [{ key, files, statistics, engine: null }] };
};
