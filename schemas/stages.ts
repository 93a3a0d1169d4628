// Names of stages and splits. Imports nothing, because workflow code may import it.

/** The stages of a run, in the order in which they feed each other. */
export const STAGES = ['corpus', 'tokens', 'activations', 'train', 'encode', 'index'] as const;
export type RunStage = (typeof STAGES)[number];

/** Every stage that commits: those of a run, and those by which `model train` goes on from the tokens. */
export const ALL_STAGES = [...STAGES, 'stream', 'language-model'] as const;
export type StageName = (typeof ALL_STAGES)[number];

/** Splits of a corpus, in the order in which documents are numbered. */
export const SPLITS = ['fit', 'calib', 'test'] as const;
export type Split = (typeof SPLITS)[number];
