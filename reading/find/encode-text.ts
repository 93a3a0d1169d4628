// The features that fire on a text: the text as one document through the very tasks of the pipeline (tokens, activations,
// encode), in this process and in a temporary folder. Writes nothing into the store.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Tokenizer } from '../../core/corpus/tokenizer/tokenizer.js';
import { sha256Hex } from '../../core/identity/digest.js';
import { halfToFloat } from '../../core/tensor/half.js';
import type { ChildContext } from '../../runtime/child/protocol.js';
import { readTable } from '../../storage/tables/read.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import { runActivationsTask } from '../../stages/activations/task.js';
import type { ActivationsConfig } from '../../stages/activations/config.js';
import { activationKeys, type EncodeConfig } from '../../stages/encode/config.js';
import { encodeTasks } from '../../stages/encode/task.js';
import type { EncodeRequest } from '../../stages/encode/messages.js';
import type { ModelPlace } from '../../models/model-session.js';

/** A dictionary and everything under it, as local files and stored settings. */
export interface FindInput {
  readonly text: string;
  /** Local path of tokenizer.json. */
  readonly tokenizer: string;
  readonly model: ModelPlace;
  readonly activations: ActivationsConfig['keyed'];
  /** Sites that the run's session is cut to; the dictionary's are among them. */
  readonly sites: readonly string[];
  readonly encode: EncodeConfig['keyed'];
  readonly dictionary: Pick<EncodeRequest, 'sites' | 'architecture' | 'features' | 'settings' | 'weights'>;
  /** An empty folder for the files on the way. */
  readonly spool: string;
  readonly signal: AbortSignal;
  /** Does work that lets nothing else happen: a tokenizer's pattern may take for ever. */
  readonly blocking: <T>(work: () => T) => T;
}

export interface FoundToken {
  /** Position within the document; the prepended token has none. */
  readonly pos: number;
  readonly id: number;
  /** Code points of the text that it covers: [start, end). */
  readonly start: number;
  readonly end: number;
  /** False where the run keeps no activation of such a position. */
  readonly stored: boolean;
  /** Strongest first; of equals the lower feature. */
  readonly features: readonly { readonly feature: number; readonly value: number }[];
}

/** What the text's rows are called on the way; no part of any number. */
const SHARD = 'find';

/** Every token of the text with the features that fire on it. The text is cut into contexts as a document of the corpus is. */
export async function encodeText(input: FindInput): Promise<FoundToken[]> {
  const tokenizer = new Tokenizer(await readFile(input.tokenizer));
  const tokens = input.blocking(() => tokenizer.encode(input.text));
  if (tokens.ids.length === 0) return [];
  const file = path.join(input.spool, 'tokens.arrow');
  const activations = await computeActivations(input, await writeTokens(file, tokens));
  const found = await encodeRows(input, activations);
  return Array.from(tokens.ids, (id, pos) => ({
    pos,
    id,
    start: tokens.starts[pos] ?? 0,
    end: tokens.ends[pos] ?? 0,
    stored: found.has(pos),
    features: found.get(pos) ?? [],
  }));
}

interface Tokens {
  readonly ids: Uint32Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

async function writeTokens(file: string, tokens: Tokens): Promise<string[]> {
  const writer = await TableWriter.open({
    table: 'tokens',
    path: file,
    shard: SHARD,
    metadata: null,
  });
  await writer.write({
    doc: Uint32Array.of(0),
    offsets: Uint32Array.of(0, tokens.ids.length),
    ...tokens,
  });
  return (await writer.finish()).map((part) => part.path);
}

/** Files of the activations, by the dictionary's sites. */
async function computeActivations(input: FindInput, tokens: readonly string[]): Promise<string[][]> {
  const { activations, sites, model, dictionary, spool } = input;
  const keys = activationKeys(input.encode);
  const outputs = await runActivationsTask(
    {
      shard: SHARD,
      input: sha256Hex(input.text),
      tokens,
      model,
      // The text is a document of its own, whatever the run joins together.
      keyed: { ...activations, packing: 'document' },
      sites,
      wanted: dictionary.sites.names.map((site, i) => ({ site, key: keys[i] ?? '' })),
      spool,
    },
    childContext(input.signal),
  );
  return outputs.map((output) => output.files.map((part) => part.path));
}

type Fired = FoundToken['features'];

/** The features of each stored position. */
async function encodeRows(input: FindInput, activations: readonly (readonly string[])[]): Promise<Map<number, Fired>> {
  const { encode, dictionary, spool } = input;
  const request = {
    ...dictionary,
    model: '',
    spool,
    key: sha256Hex(SHARD),
    shard: SHARD,
    config: encode,
    activations,
  };
  const { output } = await encodeTasks.encode(request, childContext(input.signal));
  const found = new Map<number, Fired>();
  for (const file of output.files.filter((part) => part.table === 'acts')) {
    const { columns } = await readTable('acts', file.path);
    const { offsets, feature, value } = columns.features;
    columns.pos.forEach((pos, row) => {
      const from = offsets[row] ?? 0;
      const count = (offsets[row + 1] ?? 0) - from;
      const fired = Array.from({ length: count }, (_, i) => ({
        feature: feature[from + i] ?? 0,
        value: halfToFloat(value[from + i] ?? 0),
      }));
      found.set(
        pos,
        fired.sort((a, b) => b.value - a.value || a.feature - b.feature),
      );
    });
  }
  return found;
}

/** What a task of a compute child sees when it runs here. */
function childContext(stop: AbortSignal): ChildContext {
  return {
    stop,
    alive: () => undefined,
    progress: () => undefined,
    ask: (what) => Promise.reject(new TypeError(`"${what}" is asked of a worker; there is none here`)),
  };
}
