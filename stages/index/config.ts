// Settings of the index stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.

export interface IndexConfig {
  readonly keyed: {
    readonly encodeKey: string;
    readonly topExamples: number;
    readonly features: number;
    readonly contextTokens: number;
    readonly prepended: boolean;
    readonly packing: 'document' | 'concatenate';
  };
  readonly aux: {
    readonly name: string;
    readonly site: string;
    readonly width: number;
    /** Model reference of the activations, for the files' metadata. */
    readonly model?: string | undefined;
  };
}

/** A range of features of the pinned encode snapshot; `metrics` is the one item that sums up the dictionary. */
export interface IndexInputs {
  readonly snapshot: string;
  readonly range: { readonly from: number; readonly to: number } | 'metrics';
}
