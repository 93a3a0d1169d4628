// Settings of the train stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.
import { z } from 'zod';
import { placeSites, sitesText } from '../../core/dictionaries/sites.js';
import { storedSettings } from '../../schemas/dictionaries.js';
import { engineSettings, sha256, storedFile } from '../../schemas/stored-shapes.js';

const source = z.strictObject({ activationsKey: z.string(), site: z.string() });
const sources = z.array(source).min(1).readonly();
const settings = z.strictObject({
  dtype: z.enum(['float16', 'float32']),
  runSeed: z.number().int(),
  sae: storedSettings,
  engine: engineSettings,
});

/** One dictionary. It reads and writes one site, or lists of sites. */
export const trainConfig = z.strictObject({
  keyed: z.union([settings.extend(source.shape), settings.extend({ reads: sources, writes: sources })]),
  aux: z.strictObject({
    name: z.string(),
    widths: z.array(z.number().int()).min(1).readonly().describe('of the sites, in the order of `sourcesOf`'),
    model: z.string().optional().describe("model reference of the activations, for the files' metadata"),
  }),
});
export type TrainConfig = z.infer<typeof trainConfig>;

/** A dictionary that was trained elsewhere: its weights are there already, and become its commit. */
export const takenConfig = z.strictObject({
  keyed: z.strictObject({ taken: sha256.describe('digest of its weights: its identity') }),
  aux: z.strictObject({
    name: z.string(),
    features: z.number().int(),
    weights: storedFile,
    format: z.string(),
    notes: z.array(z.string()).readonly(),
  }),
});
export type TakenConfig = z.infer<typeof takenConfig>;

/** The activations of one site. */
export type Source = z.infer<typeof source>;

/** What a dictionary reads and writes. */
export type Sources = Source | { readonly reads: readonly Source[]; readonly writes: readonly Source[] };

/** Every site whose rows are fed, once, and the places in that list of what is read and what is written. */
export function sourcesOf(keyed: Sources): {
  readonly sites: readonly Source[];
  readonly reads: readonly number[];
  readonly writes: readonly number[];
} {
  return 'reads' in keyed ? placeSites(keyed.reads, keyed.writes) : placeSites([keyed], [keyed]);
}

/** The sites of a dictionary as text, for errors and metadata. */
export function sourcesText(keyed: Sources): string {
  const { sites, reads, writes } = sourcesOf(keyed);
  return sitesText({ names: sites.map(({ site }) => site), reads, writes });
}

/** The pinned activations: digest over their fit and calib objects; of several sites, over the digest of each. */
export interface TrainInputs {
  readonly snapshot: string;
}
