// Names of stages and splits. Imports nothing, because workflow code may import it.

/** Every stage that commits, in the order in which they feed each other. */
export const STAGES = [
  'corpus',
  'tokens',
  'stream',
  'language-model',
  'activations',
  'train',
  'encode',
  'evaluate',
  'index',
  'profile',
  'label',
] as const;
/** What a run does where nobody says until when: everything. */
export const LAST_STAGE = 'label' satisfies (typeof STAGES)[number];
export type StageName = (typeof STAGES)[number];

/** Splits of a corpus, in the order in which documents are numbered. */
export const SPLITS = ['fit', 'calib', 'test'] as const;
export type Split = (typeof SPLITS)[number];
