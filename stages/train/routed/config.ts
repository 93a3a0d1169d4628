// Settings of the steps that make a dictionary of frozen experts: `keyed` enters the key (whatever changes bytes, and nothing else),
// `aux` only says where things are; and the inputs of one item.
import { z } from 'zod';
import { storedSettings } from '../../../schemas/dictionaries.js';
import { engineSettings, sha256, storedFile } from '../../../schemas/stored-shapes.js';

const dtype = z.enum(['float16', 'float32']);
const experts = z.number().int().min(2);
const place = {
  width: z.number().int(),
  site: z.string(),
  model: z.string().describe("model reference of the activations, for the files' metadata"),
};
const named = { ...place, name: z.string(), routes: storedFile };

const routes = z.strictObject({
  keyed: z.strictObject({
    part: z.literal('routes'),
    ...{ activationsKey: z.string(), dtype, runSeed: z.number().int(), experts, engine: engineSettings },
  }),
  aux: z.strictObject(place),
});

const rows = z.strictObject({
  keyed: z.strictObject({
    part: z.literal('rows'),
    routes: sha256.describe('digest of the routes: which row belongs to which expert'),
    ...{ activationsKey: z.string(), dtype, experts, engine: engineSettings },
  }),
  aux: z.strictObject(named),
});

const trained = {
  ...{ site: z.string(), activationsKey: z.string(), routes: sha256, dtype, runSeed: z.number().int() },
  sae: storedSettings,
  engine: engineSettings,
};
const expert = z.strictObject({
  keyed: z.strictObject({ part: z.literal('experts'), ...trained }),
  aux: z.strictObject(named),
});
const join = z.strictObject({
  keyed: z.strictObject({ part: z.literal('join'), ...trained }),
  aux: z.strictObject(named),
});

export const routedConfig = z.union([routes, rows, expert, join]);
export type RoutedConfig = z.infer<typeof routedConfig>;
export type RoutesConfig = z.infer<typeof routes>;
export type RowsConfig = z.infer<typeof rows>;
export type ExpertConfig = z.infer<typeof expert>;
export type JoinConfig = z.infer<typeof join>;

/** What an item is made of. */
export type RoutedInputs =
  /** routes, join: digest of the pinned commits. */
  | { readonly snapshot: string }
  /** experts: one of them. */
  | { readonly snapshot: string; readonly expert: number }
  /** rows: objects of a shard of activations. */
  | { readonly activations: readonly string[] };
